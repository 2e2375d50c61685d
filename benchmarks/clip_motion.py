"""How far the cameras of clips move, and how their light changes, against the scene made of each.

    python benchmarks/clip_motion.py CLIPS/*.mp4

Thirteen frames of each clip are compared with the scene that the product makes of it: shift of the
corner of the picture that moves most, in px of a picture 960 px wide; and the tone curve from scene
to frame, how far it is from none and how much of the picture it brings near.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import torch

from datamodules.files.clip_info import read_clip_info
from datamodules.files.video import read_video_frames
from datamodules.photos.plate import clip_plate
from datamodules.photos.steady import camera_path, moves
from hfb.background.camera_motion import as_pixels
from hfb.background.find_motion import STILL_PX
from hfb.background.tones import find_tone
from hfb.errors import InputError

_COUNT = 13


def row_of(video: Path) -> str:
    """One line of the table."""
    num_frames = read_clip_info(video).num_frames
    try:
        scene = clip_plate(video).scene
    except InputError as error:
        return f"| {video.name} | {num_frames} | refused: {error} |"
    frames = list(read_video_frames(video, range(0, num_frames, -(-num_frames // _COUNT))))
    path = camera_path(frames, as_pixels(scene))
    found = [motion.largest_px / motion.still_px * STILL_PX for motion in path if motion]
    curves = []
    for frame in frames:
        photo = torch.from_numpy(frame).permute(2, 0, 1)[None].float() / 255
        curve = find_tone(photo, scene)
        if curve is not None:
            curves.append((curve.change, curve.gained))
    motions = f"{sum(found) / len(found):.2f}, {max(found):.2f}" if found else "–"
    changed = sum(change >= 0.03 and gained >= 0.1 for change, gained in curves)
    largest = max(change for change, _ in curves) if curves else 0.0
    done = "steadied" if moves(path) else "left"
    return (
        f"| {video.name} | {num_frames} | {motions} | {done} | {largest:.3f} | "
        f"{changed} of {len(curves)} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="+")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    print("| clip | frames | motion, mean and most, px | camera | light, most | frames changed |")
    print("|---|---|---|---|---|---|")
    for video in options.clips:
        print(row_of(video), flush=True)


if __name__ == "__main__":
    main()
