"""What the page holds of one sample, as `page.json` keeps it until the page is written."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.baselines import ObjectEstimate
from hfb.evaluate.results import SampleResult
from hfb.evaluate.trust.warnings import warnings_of_result
from hfb.export import atomic_write
from hfb.export.gltf_buffer import CAMERA_TO_GLTF
from hfb.geometry import default_camera
from hfb.refine.fitter import Fitter
from hfb.refine.result import Refinement
from hfb.report.curves import Curves
from hfb.report.images import preview_camera, preview_image
from hfb.report.page.body_view import moving_body, surface_of
from hfb.report.page.numbers import notes_of, numbers_of, warning_rows
from hfb.report.page.packing import picture
from hfb.report.page.photo_view import (
    PhotoView,
    frames_of_photos,
    region_of,
    view_of_object,
    view_of_photo,
)
from hfb.structures import BlurSample

Card = dict[str, Any]
CARD_NAME = "page.json"
CARD_VERSION = 1
PEOPLE_NAME = "people.png"
"""Who is who, beside the card, of a sample about one of several people."""
MOST_PHOTOS = 12
"""Photos of a sample that are drawn: of more, evenly spread ones."""
MOST_STEPS = 200
"""Points of a curve."""


@torch.no_grad()
def sample_card(result: SampleResult, fitter: Fitter, curves: Sequence[Curves] = ()) -> Card:
    """Draw a result for the page.

    Args:
        result: what a method found for a sample.
        fitter: the tools of the run.
        curves: of the fit, one a photo; empty where it was not followed.
    """
    photos = result.photos or (result,)
    if result.object_estimate is not None:
        assert isinstance(result.object_estimate, ObjectEstimate), "the caller has looked"
        views, body = [view_of_object(result.object_estimate, result.item.sample)], None
    else:
        chosen = evenly_spread(len(photos), MOST_PHOTOS)
        box = region_of([photos[k].item.alpha for k in chosen])
        count = frames_of_photos(len(chosen))
        views = [
            view_of_photo(photos[k].item, photos[k].refinement, fitter, count, box) for k in chosen
        ]
        body = moving_body([photo.refinement for photo in photos], views, fitter.body)
    card = _card(result.item.sample, views, body, fitter)
    card |= {
        "method": result.method,
        "seconds": round(result.seconds, 1),
        "numbers": numbers_of(result, views, fitter.body.joint_names),
        "notes": notes_of(result),
        "warnings": warning_rows(warnings_of_result(result)),
        "curves": joined_curves(curves),
    }
    return card


@torch.no_grad()
def clip_card(
    sample: BlurSample,
    refinements: Sequence[Refinement],
    views: Sequence[PhotoView],
    fitter: Fitter,
    told: Card,
) -> Card:
    """A whole clip for the page.

    Args:
        sample: the clip, with one photo that stands for all.
        refinements: one a photo.
        views: of some of the photos.
        fitter: the tools of the run.
        told: `numbers`, `warnings`, `notes`, `seconds` and `per_photo` of the clip.
    """
    card = _card(sample, views, moving_body(refinements, views, fitter.body), fitter)
    return card | {"method": "hfb", "curves": {}} | told


def write_card(folder: Path, card: Card) -> None:
    """Write `page.json`, whole or not at all.

    Args:
        folder: of the sample; the page links to the files that are there.
        card: what the page shall show.
    """
    listed = card | {"files": sorted(path.name for path in folder.iterdir() if path.is_file())}
    with atomic_write(folder / CARD_NAME) as part:
        part.write_text(json.dumps(listed, separators=(",", ":")), encoding="utf-8")


def read_card(path: Path) -> Card | None:
    """What `write_card` wrote; None where it is missing, damaged or of another version."""
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    is_ours = isinstance(card, dict) and card.get("version") == CARD_VERSION
    return card if is_ours else None


def joined_curves(curves: Sequence[Curves]) -> dict[str, list[Any]]:
    """The terms of a sample: the sums over its photos, thinned; null where a term was left out.

    Args:
        curves: one a photo, of equal length.
    """
    if not curves:
        return {}
    length = len(curves[0]["total"])
    chosen = evenly_spread(length, MOST_STEPS)
    joined: dict[str, list[Any]] = {"step": [k + 1 for k in chosen]}
    for name in curves[0]:
        values = [sum(own[name][k] for own in curves if name in own) for k in chosen]
        joined[name] = [float(f"{v:.4g}") if math.isfinite(v) else None for v in values]
    return joined


def evenly_spread(total: int, most: int) -> list[int]:
    """At most `most` of the numbers below `total`, the first and the last among them."""
    return torch.linspace(0, total - 1, min(total, most)).round().long().tolist()


def _card(
    sample: BlurSample, views: Sequence[PhotoView], body: dict[str, Any] | None, fitter: Fitter
) -> Card:
    """The pictures of a card."""
    name, surface = surface_of(fitter.body)
    small = preview_camera(default_camera(*sample.blurry.shape[-2:]))
    whole = preview_image(sample.blurry[0], small)
    paths = [None if v.joints is None else v.joints.round().int().tolist() for v in views]
    return {
        "version": CARD_VERSION,
        "sample_id": sample.sample_id,
        "num_photos": len(sample.exposure),
        "size": [sample.blurry.shape[-1], sample.blurry.shape[-2]],
        "whole": picture(whole),
        "people": _people(sample),
        "photos": [
            {
                "photo": v.photo,
                "reblurred": v.reblurred,
                "box": list(v.box),
                "inside": list(v.inside),
                "paths": path,
                "start_joints": _in_gltf_axes(v.start_joints),
            }
            for v, path in zip(views, paths, strict=True)
        ],
        "frames": [
            {"photo": k, "time_ms": round(1000 * (t - views[0].times[0]), 3), "image": image}
            for k, v in enumerate(views)
            for t, image in zip(v.times, v.frames, strict=True)
        ],
        "body": body,
        "surface": name if body else None,
        "surfaces": {name: surface} if body else {},
    }


def _people(sample: BlurSample) -> dict[str, Any] | None:
    """Who is who, where the sample is about one of several people."""
    chosen = sample.chosen
    if chosen is None:
        return None
    told = {"number": chosen.number, "count": chosen.count, "words": chosen.words}
    return told | {"picture": picture(chosen.picture)}


def _in_gltf_axes(joints: Float[Tensor, "J 3"] | None) -> list[list[float]] | None:
    if joints is None:
        return None
    return (joints.double().cpu().numpy() * CAMERA_TO_GLTF).round(4).tolist()
