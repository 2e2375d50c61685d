"""A picture of each photo: sharp frames with truth, start and fit, the photo and its re-blur."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from hfb.app.pipeline import Pipeline
from hfb.export import write_image
from hfb.geometry import project
from hfb.matte import crop_camera, crop_image
from hfb.matte.region import CropBox
from hfb.refine.result import Refinement, render_views
from real_footage.manifest import Case
from real_footage.runs import PhotoViews, limb_points

SIDE = 420
BONES = (
    (0, 1), (0, 2), (2, 4), (1, 3), (3, 5), (0, 6), (1, 7), (6, 7), (6, 8), (8, 10), (7, 9),
    (9, 11),
)  # fmt: skip
GREEN, BLUE, RED = (0, 200, 0), (40, 110, 255), (230, 30, 30)
LEFT_WRIST, LEFT_ANKLE = 4, 10


def write_picture(path: Path, case: Case, views: PhotoViews, pipeline: Pipeline) -> None:
    """Write the panels of one photo, side by side.

    First, middle and last sharp frame with the landmarks (green), the start (blue) and the fit
    (red; discs on the left wrist and ankle of truth and fit), the blurry photo, the fit blurred
    again.

    Args:
        path: PNG file.
        case: the photo's.
        views: what to draw.
        pipeline: the product.
    """
    left, top, right, bottom = case.window
    side = round(1.25 * max(right - left, bottom - top))
    box = CropBox(round((left + right - side) / 2), round((top + bottom - side) / 2), side)
    truth, refinement = views.truth, views.result.refinement
    numbers = list(views.sharp.images)
    panels = []
    for number in (numbers[0], views.sharp.middle, numbers[-1]):
        t = float(truth.times[truth.frames.index(number)])
        panel = _cropped(views.sharp.images[number], box)
        start = _projected(views.result.initial, pipeline, 0.5)
        fit = _projected(refinement, pipeline, min(max(t, 0.0), 1.0))
        figures = ((truth.at(t), GREEN), (start, BLUE), (fit, RED))
        for points, colour in figures:
            _draw(panel, points, colour, box, has_discs=colour != BLUE)
        label = f"{number}" + ("" if 0.0 <= t <= 1.0 else " (neighbour)")
        cv2.putText(panel, label, (6, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.6, RED, 2)
        panels.append(panel)
    item = views.result.item
    views_of_fit = render_views(
        refinement,
        pipeline.body,
        crop_camera(refinement.camera, box, SIDE),
        crop_image(item.sample.background, box, SIDE),
        pipeline.render_settings,
    )
    photo = crop_image(item.sample.blurry[0], box, SIDE)
    panels += [_array(photo), _array(views_of_fit.reblurred)]
    sheet = np.concatenate(panels, axis=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, torch.from_numpy(sheet).permute(2, 0, 1).float() / 255)


def _projected(refinement: Refinement, pipeline: Pipeline, t: float) -> np.ndarray:
    return project(limb_points(refinement, pipeline.body, t), refinement.camera).numpy()


def _cropped(image: np.ndarray, box: CropBox) -> np.ndarray:
    tensor = torch.from_numpy(image).permute(2, 0, 1).float() / 255
    return _array(crop_image(tensor, box, SIDE))


def _array(image: torch.Tensor) -> np.ndarray:
    array = (image.clamp(0, 1) * 255).round().permute(1, 2, 0).to(torch.uint8).numpy()
    return np.ascontiguousarray(array)


def _draw(
    panel: np.ndarray, points: np.ndarray, colour: tuple[int, int, int], box: CropBox,
    has_discs: bool,
) -> None:  # fmt: skip
    scaled = (points - [box.x0, box.y0]) * SIDE / box.size
    pixels = [tuple(int(v) for v in np.clip(p, -4096, 4096)) for p in scaled]
    for a, b in BONES:
        cv2.line(panel, pixels[a], pixels[b], colour, 2, cv2.LINE_AA)
    for k in (LEFT_WRIST, LEFT_ANKLE) if has_discs else ():
        cv2.circle(panel, pixels[k], 5, colour, -1, cv2.LINE_AA)
