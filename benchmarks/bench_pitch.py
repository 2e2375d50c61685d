"""What it is worth to know how far the camera looks down: the direction that a fit starts in.

    python benchmarks/bench_pitch.py --mocap MOCAP

puts poses of subjects that no training has seen before cameras of growing pitch, and asks the
motion prior for the direction of their motion as the fit of a single photo does, with a level
camera assumed and with the pitch known. Printed is how often it is the true one (50 %: a coin), of
the whole motion and of single joints that turn by more than 0.1 rad.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import torch
from torch import Tensor

from datamodules.mocap.clip import split_of_subject
from datamodules.mocap.files import iterate_mocap
from datamodules.mocap.frames import join_clips
from datamodules.mocap.windows import (
    Windows,
    WindowSettings,
    draw_windows,
    fit_windows,
)
from hfb.geometry import MODEL_TO_CAMERA, rotvec_to_rotmat
from hfb.prior import MotionPrior, load_motion_prior
from hfb.refine.initial_motion import expected_velocities
from hfb.structures import BodyParams

_MOVES_RAD = 0.1
PITCHES_DEG = (0, 10, 20, 30, 40, 60)


def windows_of(mocap: list[Path], count: int) -> Windows:
    """Windows of subjects kept from training, the person facing +z, y up."""
    settings = WindowSettings(seed=1)
    clips = [clip for clip in iterate_mocap(mocap) if split_of_subject(clip.subject) == "val"]
    frames = join_clips(clips, settings.frame_rate)
    start, length = draw_windows(frames, settings, count)
    return fit_windows(frames, start, length, settings)


def share_right(
    windows: Windows, prior: MotionPrior, pitch_deg: float, is_known: bool, yaw: Tensor
) -> tuple[float, float]:
    """How often the expected direction is the true one, of whole motions and of joints."""
    pitch = math.radians(pitch_deg)
    # Away from a camera that looks down, the person leans towards it.
    tilt = rotvec_to_rotmat(torch.tensor([pitch, 0.0, 0.0]))
    turn = tilt @ MODEL_TO_CAMERA @ rotvec_to_rotmat(yaw[:, None] * torch.tensor([0.0, 1.0, 0.0]))
    root = (turn @ windows.base_rotmat[:, 0])[:, None]
    pose = torch.cat([root, windows.base_rotmat[:, 1:]], 1)
    place = torch.zeros(len(pose), 3)
    up = (tilt @ torch.tensor([0.0, -1.0, 0.0])).expand(len(pose), 3) if is_known else None
    expected = expected_velocities(BodyParams(torch.zeros(len(pose), 10), pose, place), prior, up)
    true = windows.coeffs[:, 1].clone()
    true[:, 0] = (turn @ true[:, 0, :, None])[..., 0]
    agreement = (expected * true).sum(-1)
    moves = true[:, 1:].norm(dim=-1) > _MOVES_RAD
    of_joints = (agreement[:, 1:] > 0)[moves].float().mean()
    return float((agreement.sum(-1) > 0).float().mean()), float(of_joints)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mocap", type=Path, nargs="+", required=True)
    parser.add_argument("--count", type=int, default=4000)
    options = parser.parse_args()
    windows, prior = windows_of(options.mocap, options.count), load_motion_prior()
    generator = torch.Generator().manual_seed(0)
    # The person looks within 60 degrees of the camera.
    yaw = math.radians(60) * (2 * torch.rand(len(windows), generator=generator) - 1)
    print("| camera looks down | taken to be level: motions, joints | known: motions, joints |")
    print("|---|---|---|")
    for pitch in PITCHES_DEG:
        shares = [share_right(windows, prior, pitch, known, yaw) for known in (False, True)]
        cells = [f"{100 * whole:.1f} %, {100 * joints:.1f} %" for whole, joints in shares]
        print(f"| {pitch}° | {cells[0]} | {cells[1]} |", flush=True)


if __name__ == "__main__":
    with torch.no_grad():
        main()
