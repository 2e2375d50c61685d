"""Recover the 3D body and its motion from blurry photos: `python run_hfb.py predict`."""

from pathlib import Path

from datamodules.captured import CapturedDataModule
from hfb.refine import HfbModule
from hfb.refine.cli import HfbCLI, KeepConfig, user_errors_as_one_line

DEFAULTS = Path(__file__).resolve().parent / "lightning_configs" / "run_hfb.yaml"


def main(args: list[str] | None = None) -> None:
    """Run the command line; `args` instead of `sys.argv` where a test calls it."""
    with user_errors_as_one_line():
        HfbCLI(
            HfbModule,
            CapturedDataModule,
            args=args,
            save_config_callback=KeepConfig,
            seed_everything_default=0,
            trainer_defaults={"inference_mode": False, "logger": False},
            parser_kwargs={"predict": {"default_config_files": [str(DEFAULTS)]}},
        )


if __name__ == "__main__":
    main()
