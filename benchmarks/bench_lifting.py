"""How good the start of a refinement is: plain registration against the lifted start.

    python benchmarks/bench_lifting.py --mocap <motion capture> --count 300
    python benchmarks/bench_lifting.py --root <data set>/test
    python benchmarks/bench_lifting.py --pairs <folder> --plot docs/images/lifting_calibration.png

The first draws blurry images of validation subjects as the training pairs are drawn, the second
reads samples with their truth; both run the whole search for landmarks and register them plain and
lifted. Errors are root-aligned, over the 24 joints at mid-exposure. Landmarks are kept in --cache,
so that another network costs no second search and a run that was stopped goes on. With --starts the
samples are copied to two data sets, plain/test and lifted/test, each with its starting poses:
`python run_hfb.py test --data.root <folder>/lifted` refines them without another search. The third
compares the errors that the network expects with those it makes, joint by joint, on validation
pairs.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from landmark_file import read_landmarks, write_landmarks
from rich.console import Console
from rich.progress import track
from torch import Tensor

from datamodules.blur_folder import ESTIMATE_NAME, list_samples, read_sample
from datamodules.lifting.data_module import read_pairs
from datamodules.lifting.shards import PairMaker, draw_scenes
from hfb.body import SmplBody, load_body
from hfb.errors import HfbError
from hfb.export import write_image
from hfb.init import BlazePoseInitialiser, write_estimate
from hfb.init.detect.landmarks import Landmarks
from hfb.init.lift.checkpoint import load_lifting
from hfb.metrics.functional import mpjpe, pa_mpjpe
from hfb.structures import BodyParams, Camera
from hfb.training.lifting.batch import batch_of
from hfb.training.lifting.metrics import LiftingMetrics, join_metrics, metrics_of

GROSS_MM = 200.0
EDGES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.1, 9.0)


@dataclass(frozen=True)
class Case:
    """An image and the truth at its mid-exposure.

    Attributes:
        name: for the cache.
        image: sRGB.
        background: sRGB.
        camera: of the image.
        joints: camera frame, m.
        blur_rate: eq. (12).
        folder: of the sample; None for drawn images.
    """

    name: str
    image: Tensor
    background: Tensor
    camera: Camera
    joints: Tensor
    blur_rate: float
    folder: Path | None = None


def drawn_cases(arguments: argparse.Namespace) -> Iterator[Case]:
    """Images of validation subjects, drawn as the training pairs are."""
    share, seed = arguments.clean_share, arguments.seed
    maker = PairMaker.load(arguments.mocap, "val", arguments.photos, clean_share=share)
    for number, (scene, _) in enumerate(draw_scenes(maker, seed, arguments.count)):
        image, background = (
            torch.from_numpy(p).permute(2, 0, 1).float() / 255
            for p in (scene.image, scene.background)
        )
        name = f"drawn_{seed}_{number:04d}"
        joints = scene.joints[scene.middle]
        yield Case(name, image, background, scene.camera, joints, scene.blur_rate)


def stored_cases(root: Path) -> Iterator[Case]:
    """Samples of a data set that brings its truth."""
    for folder in list_samples(root):
        sample = read_sample(folder)
        if sample.target is None or sample.camera is None:
            continue
        joints = sample.target.joints[0]
        middle = joints[[(len(joints) - 1) // 2, len(joints) // 2]].mean(0)
        rate = float("nan") if sample.blur_rate is None else sample.blur_rate
        yield Case(
            sample.sample_id,
            sample.blurry[0],
            sample.background,
            sample.camera,
            middle,
            rate,
            folder,
        )


def landmarks_of(
    case: Case, initialiser: BlazePoseInitialiser, cache: Path | None
) -> list[Landmarks]:
    """Guesses at the landmarks, best first; none where the search finds nobody."""
    path = cache / f"{case.name}.npz" if cache else None
    if path is not None and path.is_file():
        return read_landmarks(path)
    try:
        found = initialiser.find_landmarks(case.image, case.background)
    except HfbError:
        return []
    if path is not None:
        write_landmarks(found, path)
    return found


def errors_of(
    case: Case,
    found: list[Landmarks],
    initialisers: dict[str, BlazePoseInitialiser],
    body: SmplBody,
    copies: Path | None,
) -> list[float]:
    """MPJPE of each initialiser, then PA-MPJPE of each, mm."""
    truth, starts = case.joints[None, None], []
    for name, initialiser in initialisers.items():
        estimate = initialiser.estimate(found, case.camera, body)
        starts.append(body.joints(estimate.params(0))[None, None])
        if copies is not None and case.folder is not None:
            copy = copies / name / "test" / case.name
            shutil.copytree(case.folder, copy, dirs_exist_ok=True)
            write_estimate(copy / ESTIMATE_NAME, estimate)
    return [
        *(float(mpjpe(joints, truth)) for joints in starts),
        *(float(pa_mpjpe(joints, truth)) for joints in starts),
    ]


def print_table(rates: list[float], rows: list[list[float]], names: list[str]) -> None:
    """Means by blur rate."""
    values, blur = np.array(rows), np.array(rates)
    titles = [f"{name} MPJPE" for name in names] + [f"{name} PA-MPJPE" for name in names]
    print(f"| blur rate | images | {' | '.join(titles)} | change |")
    print("|" + "---|" * (len(titles) + 3))
    parts = [
        (f"{low:g} to {high:g}", (blur >= low) & (blur < high)) for low, high in pairwise(EDGES)
    ]
    for label, chosen in [*parts, ("all", np.ones(len(blur), dtype=bool))]:
        if chosen.any():
            means = values[chosen].mean(0)
            cells = " | ".join(f"{value:.1f}" for value in means)
            change = 100.0 * (means[len(names) - 1] / means[0] - 1.0)
            print(f"| {label} | {int(chosen.sum())} | {cells} | {change:+.0f} % |")


def compare(arguments: argparse.Namespace, console: Console) -> None:
    """Search, register with each initialiser, print."""
    body = load_body()
    plain = BlazePoseInitialiser(lifting=False, num_threads=1)
    searching = BlazePoseInitialiser(num_threads=1)  # with the matte that lifting sees
    initialisers = {
        "plain": plain,
        "lifted": BlazePoseInitialiser(lifting=True, lifting_path=arguments.checkpoint),
    }
    cases = stored_cases(arguments.root) if arguments.root else drawn_cases(arguments)
    rates, rows, missed = [], [], 0
    for case in track(cases, "searching", total=arguments.count, console=console, transient=True):
        found = landmarks_of(case, searching, arguments.cache)
        if not found:
            missed += 1
            continue
        rates.append(case.blur_rate)
        rows.append(errors_of(case, found, initialisers, body, arguments.starts))
    print_table(rates, rows, list(initialisers))
    before, after = np.array(rows).reshape(len(rows), -1)[:, :2].T
    gross = [int((errors > GROSS_MM).sum()) for errors in (before, after)]
    print(f"\nof {len(rows)} {int((after < before).sum())} start nearer; further off than ", end="")
    print(f"{GROSS_MM:g} mm: plain {gross[0]}, lifted {gross[1]}")
    print(f"{missed} images without a person that the search would find")


def metrics_on_pairs(pairs: Path, checkpoint: str | None, body: SmplBody) -> LiftingMetrics:
    """What the network expects, and what it does, on pairs."""
    arrays, _ = read_pairs(pairs)
    network, _ = load_lifting(checkpoint)
    parts = []
    for rows in torch.arange(len(arrays["roi"])).split(256):
        seen, truth = batch_of({name: values[rows] for name, values in arrays.items()})
        with torch.no_grad():
            pose = network(seen)
            joints = body.joints(BodyParams(pose.betas, pose.rotmat, torch.zeros(len(rows), 3)))
        parts.append(metrics_of(pose, joints - joints[:, :1], truth))
    return join_metrics(parts)


def calibrate(arguments: argparse.Namespace) -> None:
    """Draw expected against actual errors, joint by joint, and print what the plot shows."""
    body = load_body()
    metrics = metrics_on_pairs(arguments.pairs, arguments.checkpoint, body)
    panels = [
        _panel(metrics.expected_mm[:, 1:], metrics.distance_mm[:, 1:], "joint error, mm", 400.0),
        _panel(metrics.expected_deg, metrics.angle_deg, "joint rotation error, degrees", 80.0),
    ]
    sheet = np.concatenate(panels, axis=1)
    write_image(arguments.plot, torch.from_numpy(sheet).permute(2, 0, 1).float() / 255)
    print("| joint | expected mm | actual mm | expected deg | actual deg |\n|---|---|---|---|---|")
    for number, name in enumerate(body.joint_names):
        columns = (metrics.expected_mm, metrics.distance_mm, metrics.expected_deg,
                   metrics.angle_deg)  # fmt: skip
        cells = " | ".join(f"{float(values[:, number].mean()):.1f}" for values in columns)
        print(f"| {name} | {cells} |")


def _panel(expected: Tensor, actual: Tensor, title: str, limit: float) -> np.ndarray:
    """One curve a joint: the mean error of each tenth of the pairs over what was expected."""
    size, margin = 460, 50
    sheet = np.full((size, size, 3), 255, np.uint8)
    inner = size - 2 * margin

    def place(x: float, y: float) -> tuple[int, int]:
        at = [min(max(v / limit, 0.0), 1.0) * inner for v in (x, y)]
        return int(margin + at[0]), int(size - margin - at[1])

    cv2.rectangle(sheet, place(0, 0), place(limit, limit), (120, 120, 120), 1)
    cv2.line(sheet, place(0, 0), place(limit, limit), (160, 160, 160), 1, cv2.LINE_AA)
    for joint in range(expected.shape[1]):
        order = expected[:, joint].argsort()
        groups = order.tensor_split(10)
        curve = [
            place(float(expected[g, joint].mean()), float(actual[g, joint].mean())) for g in groups
        ]
        hue = np.array([[[int(179 * joint / expected.shape[1]), 200, 200]]], np.uint8)
        colour = tuple(int(v) for v in cv2.cvtColor(hue, cv2.COLOR_HSV2RGB)[0, 0])
        cv2.polylines(sheet, [np.array(curve)], False, colour, 1, cv2.LINE_AA)
    text: Callable[..., object] = cv2.putText
    font, black = cv2.FONT_HERSHEY_SIMPLEX, (0, 0, 0)
    text(sheet, f"{title}: actual over expected", (margin, 30), font, 0.5, black, 1, cv2.LINE_AA)
    text(sheet, "0", (margin - 14, size - margin + 16), font, 0.45, black, 1, cv2.LINE_AA)
    text(sheet, f"{limit:g}", (size - margin - 20, size - margin + 18), font, 0.45, black, 1,
         cv2.LINE_AA)  # fmt: skip
    return sheet


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--mocap", type=Path, nargs="+", help="draw images of its validation subjects"
    )
    parser.add_argument("--photos", type=Path, help="backgrounds beside the procedural ones")
    parser.add_argument("--count", type=int, default=300, help="images to draw")
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--clean_share", type=float, default=0.0, help="of drawn images")
    parser.add_argument("--root", type=Path, help="samples with truth, instead of drawn images")
    parser.add_argument("--cache", type=Path, help="folder to keep landmarks in")
    parser.add_argument("--starts", type=Path, help="folder for two data sets with starting poses")
    parser.add_argument("--checkpoint", default=None, help="another network than the shipped one")
    parser.add_argument("--pairs", type=Path, help="validation pairs, for the calibration")
    parser.add_argument("--plot", type=Path, default=Path("outputs/lifting_calibration.png"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.pairs is not None:
        calibrate(arguments)
    if arguments.mocap is not None or arguments.root is not None:
        compare(arguments, Console(stderr=True))


if __name__ == "__main__":
    main()
