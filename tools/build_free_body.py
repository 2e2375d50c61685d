"""Build the free body from MakeHuman's open data (about five minutes on one core).

    pip install -e ".[build-body]"
    python tools/build_free_body.py --out checkpoints/free_body.npz

The result has SMPL's file format, joint names and mesh size, and is free to use: see
checkpoints/README.md. It is deterministic with the same versions of numpy and scipy.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from free_body.build import build_free_body
from free_body.source import load_source


def main(args: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(__file__).resolve().parents[1] / "checkpoints" / "free_body.npz"
    parser.add_argument("--out", type=Path, default=default)
    parser.add_argument("--shapes", type=int, default=2000, help="adults to learn shapes from")
    options = parser.parse_args(args)
    torch.set_num_threads(1)
    fields = build_free_body(load_source(), options.shapes)
    np.savez_compressed(options.out, **fields)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
