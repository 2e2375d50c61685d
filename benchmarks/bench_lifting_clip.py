r"""Starts on a real clip, which has no truth: overlays to look at, and left and right exchanged.

    python benchmarks/bench_lifting_clip.py clip.mp4 --frames 64:124 --background_frame 229 \
        --region 300 235 784 496 --sheet outputs/lifting_clip.png

Every frame of --frames is the middle of a blurry photo: the average of --blur frames about it in
linear light. Each photo is started plain and lifted. --sheet gets both as stick figures, plain
left, lifted right; the person's left side is red, the right side blue.

Counting swaps: a pair of joints (hips, knees, ankles, shoulders, elbows or wrists) is exchanged if
its projected joints are nearer to the landmarks of the other side than to their own, by a fifth of
both distances, in the sharp middle frame; landmarks of the sharp frame are one output of the
detector at the place that the search found in the blurry photo. A pair counts only where those
landmarks are at least a twentieth of the person's height apart, otherwise left and right cannot be
told; a landmark's own mistakes in the sharp frame count against both starts alike. Beside it, the
mean distance of those twelve joints from those landmarks, in percent of the person's height.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from datamodules.files.video import parse_frames, read_video_frames
from datamodules.photos.samples import only_region, sample_from_video
from hfb.body import SmplBody, load_body
from hfb.errors import HfbError
from hfb.export import write_image
from hfb.geometry import default_camera, project
from hfb.init import BlazePoseInitialiser
from hfb.init.detect.blazepose import BlazePose
from hfb.structures import BlurSample

# Joints of the body and landmarks of BlazePose, left and right.
PAIRS = {
    "hip": ((1, 2), (23, 24)), "knee": ((4, 5), (25, 26)), "ankle": ((7, 8), (27, 28)),
    "shoulder": ((16, 17), (11, 12)), "elbow": ((18, 19), (13, 14)), "wrist": ((20, 21), (15, 16)),
}  # fmt: skip
_CLEARLY = 0.8
_APART = 0.05
_CELL_HEIGHT, _COLUMNS = 260, 10
_LEFT, _RIGHT, _MIDDLE = (230, 40, 40), (40, 110, 255), (250, 220, 60)


@dataclass(frozen=True)
class Comparison:
    """One start against the landmarks of the sharp frame.

    Attributes:
        swapped: names of the exchanged pairs.
        told: how many pairs are far enough apart to tell.
        distance: mean distance of the twelve joints, share of the person's height.
    """

    swapped: tuple[str, ...]
    told: int
    distance: float


def compare_sides(joints_xy: np.ndarray, landmarks_xy: np.ndarray) -> Comparison:
    """Left and right of a start against landmarks.

    Args:
        joints_xy: 24 projected joints, px.
        landmarks_xy: 33 landmarks of the sharp frame, px.
    """
    height = float(np.ptp(landmarks_xy[:, 1]))
    swapped, told, distances = [], 0, []
    for name, (joints, landmarks) in PAIRS.items():
        ours, theirs = joints_xy[list(joints)], landmarks_xy[list(landmarks)]
        own = np.linalg.norm(ours - theirs, axis=1)
        other = np.linalg.norm(ours - theirs[::-1], axis=1)
        distances.append(own.mean() / height)
        if np.linalg.norm(theirs[0] - theirs[1]) < _APART * height:
            continue
        told += 1
        if other.sum() < _CLEARLY * own.sum():
            swapped.append(name)
    return Comparison(tuple(swapped), told, float(np.mean(distances)))


def photo_at(arguments: argparse.Namespace, middle: int) -> BlurSample:
    """The blurry photo about a frame."""
    first = middle - arguments.blur // 2
    sample = sample_from_video(
        arguments.video,
        f"{first}:{first + arguments.blur}",
        arguments.background,
        arguments.background_frame,
    )
    return sample if arguments.region is None else only_region(sample, tuple(arguments.region))


def drawn(photo: np.ndarray, joints_xy: np.ndarray, body: SmplBody) -> np.ndarray:
    """A stick figure on a photo."""
    image = np.ascontiguousarray(photo * 0.75).astype(np.uint8)
    for joint, (parent, name) in enumerate(zip(body.parents, body.joint_names, strict=True)):
        if parent < 0:
            continue
        side = name.partition("_")[0]
        colour = {"left": _LEFT, "right": _RIGHT}.get(side, _MIDDLE)
        ends = [tuple(int(v) for v in np.clip(joints_xy[k], -9999, 9999)) for k in (parent, joint)]
        cv2.line(image, ends[0], ends[1], colour, 3, cv2.LINE_AA)
    return image


def cropped(image: np.ndarray, landmarks_xy: np.ndarray) -> np.ndarray:
    """The part about the person, in the size of the sheet's cells."""
    low, high = landmarks_xy.min(0), landmarks_xy.max(0)
    side = 1.35 * float((high - low).max())
    centre = (low + high) / 2
    scale = _CELL_HEIGHT / side
    matrix = np.array([[scale, 0, -scale * (centre[0] - side / 3)],
                       [0, scale, -scale * (centre[1] - side / 2)]])  # fmt: skip
    return cv2.warpAffine(
        image, matrix, (_CELL_HEIGHT * 2 // 3, _CELL_HEIGHT), flags=cv2.INTER_AREA
    )


def sheet_of(cells: list[np.ndarray]) -> torch.Tensor:
    """All cells in rows."""
    blank = np.zeros_like(cells[0])
    cells = cells + [blank] * (-len(cells) % _COLUMNS)
    rows = [np.concatenate(cells[k : k + _COLUMNS], 1) for k in range(0, len(cells), _COLUMNS)]
    return torch.from_numpy(np.concatenate(rows)).permute(2, 0, 1).float() / 255


def run(arguments: argparse.Namespace) -> None:
    """Start every photo plain and lifted, count and draw."""
    body, network = load_body(), BlazePose(num_threads=1)
    initialisers = {
        "plain": BlazePoseInitialiser(lifting=False, num_threads=1),
        "lifted": BlazePoseInitialiser(lifting=True, num_threads=1),
    }
    found: dict[str, list[Comparison]] = {name: [] for name in initialisers}
    cells, missed = [], 0
    console = Console(stderr=True)
    frames = parse_frames(arguments.frames)[0][:: arguments.every]
    for middle in track(frames, "starting", console=console, transient=True):
        sample = photo_at(arguments, middle)
        camera = default_camera(*sample.background.shape[1:])
        try:
            guesses = initialisers["plain"].find_landmarks(sample.blurry[0], sample.background)
        except HfbError:
            missed += 1
            continue
        sharp = next(read_video_frames(arguments.video, range(middle, middle + 1)))
        landmarks = network.landmarks(sharp, guesses[0].next_roi).xy
        pixels = (sample.blurry[0] * 255).byte().permute(1, 2, 0)
        photo = np.ascontiguousarray(pixels.numpy())
        pair = []
        for name, initialiser in initialisers.items():
            joints = body.joints(initialiser.estimate(guesses, camera, body).params(0))
            xy = project(joints, camera).numpy()
            found[name].append(compare_sides(xy, landmarks))
            pair.append(cropped(drawn(photo, xy, body), landmarks))
        cv2.putText(pair[0], str(middle), (4, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255))
        cells += pair
    print_counts(found, missed)
    if arguments.sheet is not None and cells:
        write_image(arguments.sheet, sheet_of(cells))


def print_counts(found: dict[str, list[Comparison]], missed: int) -> None:
    """Swaps by pair of joints."""
    print(f"| start | photos | pairs told | {' | '.join(PAIRS)} | swapped | distance % |")
    print("|" + "---|" * (len(PAIRS) + 5))
    for name, results in found.items():
        counts = [sum(pair in result.swapped for result in results) for pair in PAIRS]
        told = sum(result.told for result in results)
        distance = 100.0 * float(np.mean([result.distance for result in results]))
        cells = " | ".join(str(count) for count in counts)
        print(f"| {name} | {len(results)} | {told} | {cells} | {sum(counts)} | {distance:.1f} |")
    print(f"\n{missed} photos without a person that the search would find")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video", type=Path)
    parser.add_argument("--frames", required=True, help="START:STOP, the middles of the photos")
    parser.add_argument("--every", type=int, default=1, help="take every so many of them")
    parser.add_argument("--blur", type=int, default=5, help="frames averaged for a photo")
    parser.add_argument("--background", type=Path, help="image of the scene without the person")
    parser.add_argument("--background_frame", type=int, help="frame of the clip without the person")
    parser.add_argument("--region", type=int, nargs=4, help="left top right bottom, px")
    parser.add_argument("--sheet", type=Path, help="PNG to look at")
    torch.set_num_threads(1)
    run(parser.parse_args())


if __name__ == "__main__":
    main()
