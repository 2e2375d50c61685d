"""Train the pose prior's autoencoder: `python -m hfb.amp.pose fit --data.path <folder>`."""

from __future__ import annotations

from pathlib import Path

from hfb.amp.pose_module import PoseModule
from hfb.cli import KeepConfig, TrainingCLI, user_errors_as_one_line

DEFAULTS = Path(__file__).resolve().parents[2] / "lightning_configs" / "train_pose_prior.yaml"


def main(args: list[str] | None = None) -> None:
    """Run the command line; `args` instead of `sys.argv` where a test calls it."""
    defaults = {"default_config_files": [str(DEFAULTS)]}
    with user_errors_as_one_line():
        # The data module is named by the configuration: nothing in hfb imports what is built on it.
        TrainingCLI(
            PoseModule,
            subclass_mode_data=True,
            args=args,
            save_config_callback=KeepConfig,
            seed_everything_default=0,
            parser_kwargs={name: defaults for name in ("fit", "validate", "test")},
        )


if __name__ == "__main__":
    main()
