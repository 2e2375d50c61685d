"""What a background that does not match its photo costs the fit, with and without the remedy.

    python benchmarks/bench_mismatch.py --seeds 0 31 32 --variants gamma shift
    python benchmarks/bench_mismatch.py --photo P.png --backgrounds right.png other.png --seeds 0

makes built-in examples with known truth, spoils their backgrounds, fits each as `hfb.fit` does and
once more with the background as it was given, and prints the errors of the fit (root-aligned, over
the exposure, as it runs and in the better direction of time). With --photo, the photo and the
backgrounds are files, and the truth is that of the built-in example that they are of.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from datamodules.synthetic.data_module import embedded_example
from hfb.app.configured import configured_model
from hfb.app.given import sample_of
from hfb.app.pipeline import Pipeline
from hfb.errors import HfbError
from hfb.evaluate.trust.warnings import warnings_of_result
from hfb.files.images import read_image
from hfb.formation import linear_to_srgb, srgb_to_linear
from hfb.structures import BlurSample

Change = Callable[[Tensor], Tensor]


def _moved(dx: float, dy: float, degrees: float) -> Change:
    """The camera moved between the two: px at the middle of the picture, and a turn about it."""

    def change(image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        matrix = cv2.getRotationMatrix2D((width / 2 - 0.5, height / 2 - 0.5), degrees, 1.0)
        matrix[:, 2] += (dx, dy)
        array = image.permute(1, 2, 0).numpy()
        warped = cv2.warpAffine(
            array, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )
        return torch.from_numpy(warped).permute(2, 0, 1).clamp(0, 1)

    return change


def _gained(*gain: float) -> Change:
    factor = torch.tensor(gain)[:, None, None]
    return lambda image: linear_to_srgb((srgb_to_linear(image) * factor).clamp(0, 1))


VARIANTS: dict[str, Change] = {
    "matched": lambda image: image,
    "gain": lambda image: 0.9 * image,
    "gamma": lambda image: image**1.155,
    "strong-gamma": lambda image: image**0.75,
    "white-balance": _gained(1.15, 1.0, 0.8),
    "s-curve": lambda image: image + 0.25 * image * (1 - image) * (2 * image - 1),
    "shift": _moved(3.4, -2.3, 0.0),
    "small-shift": _moved(0.6, 0.4, 0.0),
    "large-shift": _moved(10.5, 5.2, 0.0),
    "turn": _moved(2.0, 1.0, 1.5),
    "turn+gamma": lambda image: _moved(2.0, 1.0, 1.5)(image**1.155),
}


def _as_8_bits(image: Tensor) -> Tensor:
    return (image.clamp(0, 1) * 255).round() / 255


def pairs(options: argparse.Namespace) -> Iterator[tuple[str, BlurSample, Tensor]]:
    """Name, sample with truth, background as it is given."""
    for seed in options.seeds:
        sample = embedded_example(seed)
        if options.photo is not None:
            sample = replace(sample, blurry=read_image(options.photo)[None])
            for path in options.backgrounds:
                yield Path(path).stem, sample, read_image(path)
            return
        sample = replace(sample, blurry=_as_8_bits(sample.blurry))
        for name in options.variants:
            yield f"{seed} {name}", sample, _as_8_bits(VARIANTS[name](sample.background))


def given_samples(
    sample: BlurSample, background: Tensor, kinds: list[str]
) -> Iterator[tuple[str, BlurSample]]:
    """The same photo as the product takes it, with its background as it is, and without one."""
    photo = np.ascontiguousarray(sample.blurry[0].permute(1, 2, 0).numpy())
    truth = {"target": sample.target, "sample_id": sample.sample_id}
    for kind in kinds:
        if kind == "with":
            made = sample_of(photo, background, sample.camera)
        elif kind == "none":
            made = sample_of(photo, camera=sample.camera)
        else:
            made = sample_of(photo, sample.background, sample.camera)
            made = replace(made, background=background, background_known=None)
        yield kind, replace(made, exposure=sample.exposure, fps=sample.fps, **truth)


def row_of(sample: BlurSample, pipeline: Pipeline) -> dict[str, object]:
    """Errors and warnings of one fit."""
    try:
        ((result,),) = pipeline.run([pipeline.initialise(sample)])
    except HfbError as error:
        return {"fault": str(error)}
    metrics = result.metrics
    return {
        "start_mm": result.initial_metrics.mpjpe_mm,
        "mpjpe_mm": metrics.mpjpe_mm,
        "best_mm": metrics.mpjpe_best_direction_mm,
        "mid_mm": metrics.mid_exposure_mpjpe_mm,
        "iou": metrics.iou,
        "warnings": [warning.code for warning in warnings_of_result(result)],
    }


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 31, 32, 33, 34, 35])
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--kinds", nargs="+", default=["with", "as-given"],
                        choices=["with", "as-given", "none"])  # fmt: skip
    parser.add_argument("--photo")
    parser.add_argument("--backgrounds", nargs="+", default=[])
    parser.add_argument("--report", type=Path, help="JSON file; one row a fit")
    return parser.parse_args()


def main() -> None:
    """Print one row a fit."""
    options = parsed()
    torch.set_num_threads(1)
    pipeline = configured_model(None, {"show_progress": False}).pipeline()
    print("| background | taken | start mm | fit mm | better direction mm | IoU | warnings |")
    print("|---|---|---|---|---|---|---|", flush=True)
    rows = []
    for name, sample, background in pairs(options):
        for kind, given in given_samples(sample, background, options.kinds):
            row = row_of(given, pipeline)
            rows.append({"background": name, "taken": kind, **row})
            if "fault" in row:
                print(f"| {name} | {kind} | {row['fault']} |", flush=True)
                continue
            values = " | ".join(f"{row[key]:.1f}" for key in ("start_mm", "mpjpe_mm", "best_mm"))
            warned = ", ".join(row["warnings"])  # type: ignore[arg-type]
            print(f"| {name} | {kind} | {values} | {row['iou']:.2f} | {warned} |", flush=True)
    if options.report is not None:
        options.report.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
