"""Fit how far joints get in a time to motion capture: constants of `hfb.prior.trajectory_gp`.

    python tools/fit_trajectory_gp.py --mocap <file or folder> ...

Reads what `datamodules.mocap.files.iterate_mocap` reads: AMASS files or a packed collection. Of
collections that say whom to keep for reports, only the training subjects are learned from. The
joints are the free body's at its mean shape; one curve serves them all.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from scipy.optimize import lsq_linear

from datamodules.mocap.clip import MocapClip
from datamodules.mocap.files import iterate_mocap
from hfb.body import SmplBody, load_body
from hfb.errors import InputError
from hfb.geometry import rotvec_to_rotmat
from hfb.prior.trajectory_gp import TIMES_S
from hfb.structures import BodyParams

LAGS_S = np.geomspace(1 / 120, 2.5, 30)
"""Times after which a joint's positions are compared, rounded to each recording's frames."""


def mean_square_displacements(clips: Iterable[MocapClip], body: SmplBody) -> NDArray[np.float64]:
    """How far a joint is on average from where it was, squared.

    Args:
        clips: recordings; one counts with the root of its length, that long dances do not dominate.
        body: whose joints move.

    Returns:
        Mean over axes, joints and recordings at each of `LAGS_S`, m².

    Raises:
        InputError: if no recording is long enough.
    """
    total, weight = np.zeros((2, len(LAGS_S)))
    for clip in clips:
        joints = joints_of(clip, body)
        share = 1.0 / np.sqrt(len(joints))
        for k, lag in enumerate(np.maximum(np.rint(LAGS_S * clip.frame_rate).astype(int), 1)):
            together = clip.valid[lag:] & clip.valid[:-lag]
            moved = (joints[lag:] - joints[:-lag])[together]
            # Of a slower recording the shortest time is a frame: as if it went on at that speed.
            scale = (LAGS_S[k] * clip.frame_rate / lag) ** 2
            total[k] += share * scale * (moved**2).mean((1, 2)).sum()
            weight[k] += share * len(moved)
    if not (weight > 0).all():
        raise InputError(f"no recording has {LAGS_S[-1]:.1f} s without a break")
    return total / weight


@torch.no_grad()
def joints_of(clip: MocapClip, body: SmplBody) -> NDArray[np.float64]:
    """The joints' positions (F, J, 3), m."""
    pose = rotvec_to_rotmat(torch.as_tensor(clip.poses).float().unflatten(-1, (-1, 3)))
    transl = torch.as_tensor(clip.transl).float()
    betas = transl.new_zeros(len(transl), body.num_betas)
    return body.joints(BodyParams(betas, pose, transl)).double().numpy()


def fit_variances(mean_square: NDArray[np.float64]) -> NDArray[np.float64]:
    """Variances of the processes of `TIMES_S` whose sum moves that far, m².

    Relative deviations count: displacements within an exposure matter as much as those between
    photos.

    Args:
        mean_square: from `mean_square_displacements`.
    """
    shape = 2.0 * (1.0 - np.exp(-0.5 * (LAGS_S[:, None] / np.array(TIMES_S)) ** 2))
    relative = shape / mean_square[:, None]
    variances = lsq_linear(relative, np.ones(len(LAGS_S)), bounds=(0.0, np.inf)).x
    off = np.abs(shape @ variances / mean_square - 1.0)
    print(f"deviation of the squares: {off.mean():.1%} in the mean, {off.max():.1%} at most")
    return np.asarray(variances)


def main(args: list[str] | None = None) -> None:
    """Print what to write into `hfb/prior/trajectory_gp.py`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mocap", type=Path, nargs="+", required=True)
    parser.add_argument("--share-alike", action="store_true", help="recordings of that licence too")
    options = parser.parse_args(args)
    every = iterate_mocap(options.mocap, share_alike=options.share_alike)
    clips = [clip for clip in every if clip.split != "val"]
    if not clips:
        raise InputError("no recordings to learn from")
    bar = track(clips, description="measuring displacements", transient=True)
    variances = fit_variances(mean_square_displacements(bar, load_body()))
    print("VARIANCES_M2 =", tuple(float(f"{value:.3g}") for value in variances))


if __name__ == "__main__":
    main()
