"""Train the pose prior's autoencoder: `python -m hfb.amp.pose fit --data.path <folder>`."""

from __future__ import annotations

from pathlib import Path

from hfb.amp.pose_module import PoseModule
from hfb.cli import run_training

DEFAULTS = Path(__file__).resolve().parents[2] / "lightning_configs" / "train_pose_prior.yaml"


def main(args: list[str] | None = None) -> None:
    """Run the command line; `args` instead of `sys.argv` where a test calls it."""
    run_training(DEFAULTS, args, PoseModule)


if __name__ == "__main__":
    main()
