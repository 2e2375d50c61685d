"""The numbers of a result in words, each with what is known of how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from hfb.evaluate.results import FitMetrics, SampleResult
from hfb.evaluate.trust.guard import Verdict, joint_sureness
from hfb.evaluate.trust.sureness import FAR_MM
from hfb.evaluate.trust.warnings import FitWarning, explained_share, verdicts_of
from hfb.refine.result import Refinement
from hfb.refine.sequence.boundaries import Gap
from hfb.report.page.photo_view import PhotoView
from hfb.report.rig_files import exposure_note
from hfb.structures import BlurSample

Number = dict[str, Any]
"""A row of the table: `name`, `start` and `value` as text, `sure` in words."""

_TRUTH = "measured against the true motion of the sample"
_DIRECTION = "measured against the truth; one photo does not tell a motion from its reverse"
_METRICS: dict[str, tuple[str, str, str]] = {
    "mpjpe_best_direction_mm": ("joint error, better direction of time", "mm", _TRUTH),
    "mpjpe_mm": ("joint error, as the motion runs", "mm", _DIRECTION),
    "pa_mpjpe_mm": ("joint error after alignment", "mm", _TRUTH),
    "iou_best_direction": ("silhouette IoU with the truth", "", _TRUTH),
}
_EXPOSURES = {
    "known": "from the photo's data, the clip or the data set",
    "found": "found by the fit: frames of the clip tell the openings only",
    "assumed": "assumed: the photo has no EXIF data; speeds are wrong by the same factor",
}
_REVERSE = (
    "One photo does not tell a motion from its reverse: motion_reversed.npz explains it as well."
)
_IOU = "fits that explain their photo have 0.55 and more, useless ones up to 0.1"
_ENOUGH_TIMES = 2
_LEARNED = "learned from fits of rendered photos whose truth is known"
_MOST_JOINTS = 4


def numbers_of(
    result: SampleResult, views: Sequence[PhotoView], names: Sequence[str]
) -> list[Number]:
    """All numbers of a result.

    Args:
        result: of one sample.
        views: of its photos.
        names: of the joints.
    """
    before, after = result.initial_metrics, result.metrics
    rows = [_photo_row(result), _row("IoU with the matte", before, after, "matte_iou", "", _IOU)]
    for name, (title, unit, sure) in _METRICS.items():
        if getattr(after, name) is not None:
            rows.append(_row(title, before, after, name, unit, sure))
    rows += sureness_rows(verdicts_of(result))
    sample, gap = result.item.sample, result.refinement.gap
    rows += [*time_rows(sample, gap), *speed_rows(sample, views, names)]
    rows.append(_camera_row(result.refinement, result.item.camera_is_known))
    return rows


def clip_numbers(
    metrics: Sequence[FitMetrics],
    sample: BlurSample,
    views: Sequence[PhotoView],
    names: Sequence[str],
    gap: Gap | None,
) -> list[Number]:
    """The numbers of a whole clip.

    Args:
        metrics: one a photo.
        sample: with the exposures of all photos.
        views: of some photos.
        names: of the joints.
        gap: between consecutive photos, where it was found.
    """
    psnr = sum(own.reblur_psnr_db for own in metrics) / len(metrics)
    overlap = sum(own.matte_iou for own in metrics) / len(metrics)
    return [
        _plain("re-blur PSNR, mean", f"{psnr:.1f} dB", "over the photos, see the curve"),
        _plain("IoU with the matte, mean", f"{overlap:.2f}", _IOU),
        *time_rows(sample, gap),
        *speed_rows(sample, views, names),
    ]


def sureness_rows(photos: Sequence[Verdict]) -> list[Number]:
    """How near the truth the result is, by what fits with known truth have taught.

    Args:
        photos: the verdict on each photo.
    """
    found = joint_sureness(photos)
    if found is None:
        return []
    value = f"{100 * found.mean_sure:.0f} %"
    if len(found.sure) > 1:
        value += f" ({100 * min(found.sure):.0f} to {100 * max(found.sure):.0f} %)"
    joints = ", ".join(f"{name} {error:.0f}" for name, error in found.least_sure(_MOST_JOINTS))
    return [
        _plain(f"probability that the mean joint error is below {FAR_MM:.0f} mm", value, _LEARNED),
        _plain("expected joint error", f"{found.expected_mm:.0f} mm", f"least sure, mm: {joints}"),
    ]


def notes_of(result: SampleResult) -> list[str]:
    """What holds for a result beside its warnings."""
    if result.photos or result.object_estimate is not None:
        return []
    return [_REVERSE]


def warning_rows(warnings: Sequence[FitWarning]) -> list[dict[str, Any]]:
    """Warnings as the page shows them.

    Args:
        warnings: of a result.
    """
    return [{"text": w.text, "code": w.code, "severe": w.is_severe} for w in warnings]


def time_rows(sample: BlurSample, gap: Gap | None) -> list[Number]:
    """How long the shutter was open.

    Args:
        sample: with the exposures of its photos.
        gap: shut part of the frame time, where it was found.
    """
    opened = float((sample.exposure[:, 1] - sample.exposure[:, 0]).double().mean())
    name = "exposure" if len(sample.exposure) == 1 else "exposure of each photo, mean"
    sure = _EXPOSURES[exposure_note(sample)]
    if gap is not None:
        sure += f": {1.0 - gap.share:.2f} ± {gap.sigma:.2f} of the frame time"
        opened *= 1.0 - gap.share
    return [_plain(name, f"{1000 * opened:.1f} ms", sure)]


def speed_rows(
    sample: BlurSample, views: Sequence[PhotoView], names: Sequence[str]
) -> list[Number]:
    """Which joint moves fastest, and how far it gets.

    Args:
        sample: whose photos.
        views: of photos.
        names: of the joints.
    """
    fastest, joint = 0.0, None
    for view in views:
        if view.joints_3d is None or len(view.times) < _ENOUGH_TIMES:
            continue
        steps = torch.linalg.vector_norm(view.joints_3d.diff(dim=0), dim=-1).sum(0)
        speed = float(steps.max()) / (view.times[-1] - view.times[0])
        if speed > fastest:
            fastest, joint = speed, int(steps.argmax())
    if joint is None:
        return []
    name = f"fastest joint: {names[joint].replace('_', ' ')}"
    sure = "rests on the exposure, on the focal length and on the distance that follows from it"
    if exposure_note(sample) == "assumed":
        sure = f"not to be relied on: the exposure is assumed; {sure}"
    return [_plain(name, f"{fastest:.1f} m/s", sure)]


def _photo_row(result: SampleResult) -> Number:
    """The re-blur, and where it stands between nothing and all that can be explained."""
    sure = "the higher, the more of the photo is explained"
    if result.evidence is not None:
        share = explained_share(result.evidence, result.metrics.reblur_psnr_db)
        sure = f"the empty background has {result.evidence.empty_psnr_db:.1f} dB"
        if result.evidence.noise_psnr_db is not None:
            sure += f", the noise allows {result.evidence.noise_psnr_db:.1f}"
        if share is not None:
            sure = f"{100 * max(share, 0.0):.0f} % of what can be explained: {sure}"
    before, after = result.initial_metrics, result.metrics
    name = "re-blur PSNR in the person's box"
    return _row(name, before, after, "reblur_psnr_db", "dB", sure)


def _camera_row(refinement: Refinement, is_known: bool) -> Number:
    sure = "given" if is_known else "guessed from the size of the photo: distances scale with it"
    return _plain("focal length", f"{float(refinement.camera.focal[0]):.0f} px", sure)


def _row(
    title: str, before: FitMetrics, after: FitMetrics, name: str, unit: str, sure: str
) -> Number:
    texts = []
    for metrics in (before, after):
        value = getattr(metrics, name)
        digits = 1 if unit else 2
        texts.append("–" if value is None else f"{value:.{digits}f} {unit}".strip())
    return {"name": title, "start": texts[0], "value": texts[1], "sure": sure}


def _plain(name: str, value: str, sure: str) -> Number:
    return {"name": name, "start": "", "value": value, "sure": sure}
