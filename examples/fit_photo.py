"""A photo in, body and motion out: `python examples/fit_photo.py photo.jpg empty.jpg`.

Without arguments a small built-in example is taken, whose true motion is known.
"""

from __future__ import annotations

import sys

import numpy as np

import hfb


def main(args: list[str] | None = None) -> hfb.Fit:
    """Fit a photo, print what is known of it, and write its files to `outputs/example`."""
    args = sys.argv[1:] if args is None else args
    if len(args) >= 2:
        fit = hfb.fit(args[0], background=args[1])
    else:
        from datamodules.synthetic import embedded_example

        fit = hfb.fit(embedded_example(0))
    for name, value in fit.report["fit"].items():
        if isinstance(value, dict):
            continue  # one number a joint
        print(f"{name}: {fit.report['start'].get(name)} -> {value}")
    joints = fit.joints(np.linspace(0.0, 1.0, 9))  # (9, 24, 3), m
    path = (joints[1:] - joints[:-1]).norm(dim=-1).sum(0)
    fastest = int(path.argmax())
    print(f"{fit.body.joint_names[fastest]} moves {100 * float(path[fastest]):.0f} cm")
    print(f"files in {fit.save('outputs/example')}")
    return fit


if __name__ == "__main__":
    main()
