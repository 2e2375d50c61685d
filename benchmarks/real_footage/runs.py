"""One case through the product: start, fit, and both measured against the sharp frames."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hfb.app.pipeline import Pipeline
from hfb.body import SmplBody
from hfb.evaluate.records import Record, guard_of
from hfb.evaluate.results import FitMetrics, SampleResult
from hfb.export import write_image
from hfb.files.mattes import read_matte
from hfb.geometry import project
from hfb.init import read_estimate, write_estimate
from hfb.init.register.correspondence import CHANNEL_NAMES, correspondence
from hfb.matte import crop_camera, crop_image, estimate_alpha
from hfb.matte.region import CropBox
from hfb.refine.frames import InitialisedSequence, frames_of
from hfb.refine.initialise import InitialisedFrame
from hfb.refine.result import Refinement
from hfb.render import hard_silhouettes
from hfb.structures import BlurSample, Camera
from real_footage.clips import (
    Footage,
    SharpFrames,
    case_sample,
    case_truth,
    sharp_frames,
)
from real_footage.manifest import Case
from real_footage.measures import Measures, hard_iou, measure
from real_footage.truth import Reader, Truth

LIMB_CHANNELS = tuple(
    f"{side}_{joint}"
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
)
MASK_SIDE = 256
"""Side of the crops that silhouettes are compared in, px."""


@dataclass(frozen=True)
class PhotoOutcome:
    """One photo, started and fitted.

    Attributes:
        start: measures of the starting pose at rest.
        fit: measures of the fit.
        guard: what the product says of the fit against its start.
    """

    start: Measures
    fit: Measures
    guard: Record


@dataclass(frozen=True)
class PhotoViews:
    """What the pictures of a photo are drawn from.

    Attributes:
        result: of the photo.
        sharp: its sharp frames.
        truth: their landmarks.
    """

    result: SampleResult
    sharp: SharpFrames
    truth: Truth


@dataclass(frozen=True)
class CaseOutcome:
    """A case, measured.

    Attributes:
        name: of the case.
        photos: one entry a photo, in the order of time.
        seconds: of the fit.
        views: one entry a photo; empty where the outcome came from another process.
    """

    name: str
    photos: tuple[PhotoOutcome, ...]
    seconds: float
    views: tuple[PhotoViews, ...] = ()


def run_case(case: Case, footage: Footage, pipeline: Pipeline, reader: Reader) -> CaseOutcome:
    """Start, fit and measure a case.

    Args:
        case: which.
        footage: where its clip lies.
        pipeline: the product.
        reader: reads landmarks of sharp frames.

    Raises:
        InputError: if its files cannot be used.
        NoPersonError: if the product finds nobody.
    """
    sample = case_sample(case, footage)
    started = started_case(case, sample, footage, pipeline)
    begin = time.perf_counter()
    ((result,),) = pipeline.run([started])
    seconds = time.perf_counter() - begin
    outcomes, views = [], []
    for number, photo in enumerate(result.photos or (result,)):
        sharp = sharp_frames(case, number, footage)
        truth = case_truth(case, number, sharp, footage, reader)
        mask = sharp_mask(case, sharp, sample)
        outcomes.append(
            PhotoOutcome(
                _measured(photo.initial, photo.initial_metrics, case, truth, mask, pipeline.body),
                _measured(photo.refinement, photo.metrics, case, truth, mask, pipeline.body),
                guard_of(photo)[0],
            )
        )
        views.append(PhotoViews(photo, sharp, truth))
    return CaseOutcome(case.name, tuple(outcomes), seconds, tuple(views))


def started_case(
    case: Case, sample: BlurSample, footage: Footage, pipeline: Pipeline
) -> InitialisedSequence:
    """Starting poses and mattes, found once: settings of the fit do not change them.

    They always come from the files, so that a first run and a later one fit the same.
    """
    plate = footage.plate if case.clip.plate == "made" else "given"
    folder = footage.cache / "starts" / plate
    photos = frames_of(sample)
    paths = [folder / f"{case.name}-{k}.hfbinit.npz" for k in range(len(photos))]
    if not all(path.is_file() and _matte_path(path).is_file() for path in paths):
        folder.mkdir(parents=True, exist_ok=True)
        found = pipeline.initialise(sample)
        for path, item in zip(paths, found.photos, strict=True):
            write_image(_matte_path(path), item.alpha, bits=16)
            write_estimate(path, item.estimate)
    size = (sample.blurry.shape[-2], sample.blurry.shape[-1])
    items = []
    for path, photo in zip(paths, photos, strict=True):
        estimate = read_estimate(path, pipeline.body, size)
        alpha = read_matte(_matte_path(path), *size)
        items.append(InitialisedFrame(photo, estimate, alpha, estimate.camera, False))
    return InitialisedSequence(sample, tuple(items))


def _matte_path(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".hfbinit.npz") + ".matte.png")


def _measured(
    refinement: Refinement,
    metrics: FitMetrics,
    case: Case,
    truth: Truth,
    mask: Bool[np.ndarray, "S S"] | None,
    body: SmplBody,
) -> Measures:
    def track(t: float) -> np.ndarray:
        return project(limb_points(refinement, body, t), refinement.camera).numpy()

    points = limb_points(refinement, body, 0.5).numpy()
    found = measure(track, points, truth, case.height, case.trusted)
    iou = None if mask is None else hard_iou(_silhouette(case, refinement, body), mask)
    return replace(
        found, psnr_db=metrics.reblur_psnr_db, matte_iou=metrics.matte_iou, sharp_iou=iou
    )


@torch.no_grad()
def limb_points(refinement: Refinement, body: SmplBody, t: float) -> Float[Tensor, "12 3"]:
    """Where the detector would see the twelve limb landmarks of a body, camera frame, m."""
    posed = refinement.posed(body, torch.tensor([t]))
    return _limb_map(body).to(posed.joints) @ posed.joints[0]


@lru_cache(maxsize=2)
def _limb_map(body: SmplBody) -> Float[Tensor, "12 J"]:
    rows = [CHANNEL_NAMES.index(name) for name in LIMB_CHANNELS]
    return correspondence(body).from_points[rows, : len(body.parents)]


def mask_box(case: Case) -> CropBox:
    """The square that silhouettes of a case are compared in."""
    left, top, right, bottom = case.window
    side = round(1.3 * max(right - left, bottom - top))
    return CropBox(round((left + right - side) / 2), round((top + bottom - side) / 2), side)


def sharp_mask(
    case: Case, sharp: SharpFrames, sample: BlurSample
) -> Bool[np.ndarray, "S S"] | None:
    """Mask of the person in the sharp middle frame; None where nobody stands out."""
    image = torch.from_numpy(sharp.images[sharp.middle]).permute(2, 0, 1).float() / 255
    box = mask_box(case)
    pair = (crop_image(i, box, MASK_SIDE) for i in (image, sample.background))
    mask = estimate_alpha(*pair)[0].numpy() > 0.5
    return mask if mask.any() else None


@torch.no_grad()
def _silhouette(case: Case, refinement: Refinement, body: SmplBody) -> Bool[np.ndarray, "S S"]:
    camera: Camera = crop_camera(refinement.camera, mask_box(case), MASK_SIDE)
    verts = refinement.posed(body, torch.tensor([0.5])).verts
    return hard_silhouettes(verts, body.faces, camera)[0].numpy()
