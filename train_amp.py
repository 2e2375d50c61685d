"""Train the motion prior on motion capture: `python train_amp.py fit --data.path <folder>`."""

from pathlib import Path

from datamodules.mocap import MocapDataModule
from hfb.amp import AmpModule
from hfb.amp.cli import AmpCLI
from hfb.cli import KeepConfig, user_errors_as_one_line

DEFAULTS = Path(__file__).resolve().parent / "lightning_configs" / "train_amp.yaml"


def main(args: list[str] | None = None) -> None:
    """Run the command line; `args` instead of `sys.argv` where a test calls it."""
    defaults = {"default_config_files": [str(DEFAULTS)]}
    with user_errors_as_one_line():
        AmpCLI(
            AmpModule,
            MocapDataModule,
            args=args,
            save_config_callback=KeepConfig,
            seed_everything_default=0,
            parser_kwargs={name: defaults for name in ("fit", "validate", "test")},
        )


if __name__ == "__main__":
    main()
