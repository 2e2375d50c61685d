"""Train the lifting network: `python -m hfb.training.lifting fit --data.pairs <folder>`."""

from __future__ import annotations

from pathlib import Path

from hfb.cli import run_training
from hfb.training.lifting.module import LiftingModule

DEFAULTS = Path(__file__).resolve().parents[3] / "lightning_configs" / "train_lifting.yaml"


def main(args: list[str] | None = None) -> None:
    """Run the command line; `args` instead of `sys.argv` where a test calls it."""
    run_training(DEFAULTS, args, LiftingModule)


if __name__ == "__main__":
    main()
