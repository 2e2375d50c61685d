"""Train the motion prior on motion capture: `python train_amp.py fit --data.path <folder>`."""

from pathlib import Path

from datamodules.mocap.data_module import MocapDataModule
from hfb.cli import run_training
from hfb.training.motion_prior import AmpModule
from hfb.training.motion_prior.cli import AmpCLI

DEFAULTS = Path(__file__).resolve().parent / "lightning_configs" / "train_amp.yaml"


def main(args: list[str] | None = None) -> None:
    """Run the command line; `args` instead of `sys.argv` where a test calls it."""
    run_training(DEFAULTS, args, AmpModule, AmpCLI, MocapDataModule)


if __name__ == "__main__":
    main()
