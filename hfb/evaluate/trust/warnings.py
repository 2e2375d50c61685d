"""Whether a fit explains its photo: what is wrong with it, in words, each with a name that stays.

Not in the paper. A fit always ends with a body: whether it has anything to do with the photo, only
numbers tell. The thresholds come from real photos and from inputs that cannot work
(docs/lab/trust.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from hfb.evaluate.results import FitMetrics, SampleResult
from hfb.evaluate.trust.evidence import FitEvidence
from hfb.evaluate.trust.guard import Verdict, joint_sureness
from hfb.evaluate.trust.sureness import FAR_MM

NO_IOU, POOR_IOU = 0.15, 0.4
"""IoU with the matte: good fits of real photos have 0.55 and more, useless ones up to 0.1."""

NO_SHARE, POOR_SHARE = 0.02, 0.15
"""Of the dB between the empty background and the noise's limit: good fits reach 0.2 and more."""

LEAST_CONTRAST_DB = 3.0
"""What the photo must differ from the background beyond the noise for a share to mean anything."""

MOSTLY_OUTSIDE = 0.1
"""Share of the vertices in the picture; of people seen from the waist up it is above a half."""

UNSURE = 0.5
"""Probability of a mean joint error below `FAR_MM` under which a warning says so."""

WORSE_DB, WORSE_IOU = 0.1, 0.01
"""By how much a fit must fall behind its start to be called worse."""

OTHER_BRIGHTNESS = 0.1
"""Difference of photo and background outside the person, linear light, from which it is said."""


@dataclass(frozen=True)
class FitWarning:
    """What is wrong with a fit.

    Attributes:
        code: a name that stays, for programs.
        text: the same in words.
        is_severe: whether the result explains nothing and is not to be used.
    """

    code: str
    text: str
    is_severe: bool = False

    def __str__(self) -> str:
        return f"{self.text} [{self.code}]"


_NO_BACKGROUND = (
    FitWarning("no_background", "without a background the matte is a network's mask: rougher"),
)


def warnings_of(
    evidence: FitEvidence,
    metrics: FitMetrics,
    start: FitMetrics | None = None,
    guard: Verdict | None = None,
) -> tuple[FitWarning, ...]:
    """Everything that is wrong with the fit of one photo, the severe first; nothing if it is good.

    Args:
        evidence: what was measured for this purpose.
        metrics: of the fit.
        start: of the starting pose, where it was measured.
        guard: what was said of the fit against its start.
    """
    if not _is_finite(evidence, metrics):
        return (FitWarning("not_finite", "the result holds NaN or infinity", is_severe=True),)
    found = [*_of_place(evidence), *_of_matte(metrics), *_of_photo(evidence, metrics)]
    if start is not None:
        found += _of_start(metrics, start)
    if guard is not None and guard.is_held:
        reason = "the frame or somebody else hides part of the person"
        if guard.unexplained > 1.0:
            reason = (
                "clothes, shadows or background are not explained "
                f"({guard.unexplained:.1f} times the error of a clean photo)"
            )
        text = f"{reason}: the pose stays near its start"
        found.append(FitWarning("held_to_start", text))
    if guard is not None and guard.sure is not None and guard.sure < UNSURE:
        text = f"the pose may well be wrong: {_probability(guard.sure)}"
        found.append(FitWarning("pose_unsure", text))
    return tuple(sorted(found, key=lambda warning: not warning.is_severe))


def warnings_of_result(result: SampleResult) -> tuple[FitWarning, ...]:
    """Everything that is wrong with a result; of several photos joined.

    Args:
        result: of a fit; that of another method has nothing to be judged by, and no warning.
    """
    if result.photos:
        return join_warnings([warnings_of_result(photo) for photo in result.photos])
    if result.evidence is None:
        return ()
    found = warnings_of(result.evidence, result.metrics, result.initial_metrics, result.guard)
    return (*found, *_NO_BACKGROUND) if result.item.sample.background_is_made_up else found


def join_warnings(photos: Sequence[Sequence[FitWarning]]) -> tuple[FitWarning, ...]:
    """One list out of those of several photos; severe where most photos are severe.

    Args:
        photos: the warnings of each photo.
    """
    num_severe = sum(any(warning.is_severe for warning in own) for own in photos)
    joined: dict[str, FitWarning] = {}
    for warning in (warning for own in photos for warning in own):
        count = sum(any(other.code == warning.code for other in own) for own in photos)
        text = f"{count} of {len(photos)} photos: {warning.text}"
        severe = warning.is_severe and 2 * num_severe > len(photos)
        joined.setdefault(warning.code, FitWarning(warning.code, text, severe))
    return tuple(sorted(joined.values(), key=lambda warning: not warning.is_severe))


def verdicts_of(result: SampleResult) -> list[Verdict]:
    """What the guard says of each photo of a result; empty for methods that it does not judge."""
    photos = result.photos or (result,)
    return [photo.guard for photo in photos if photo.guard is not None]


def sureness_words(photos: Sequence[Verdict]) -> str | None:
    """How sure a result is, in words; None where nobody judged it.

    Args:
        photos: the verdict on each of its photos.
    """
    found = joint_sureness(photos)
    if found is None:
        return None
    of_photos = "" if len(photos) == 1 else ", mean over the photos"
    ((widest, error),) = found.least_sure(1)
    return (
        f"{_probability(found.mean_sure)}{of_photos}; expected error {found.expected_mm:.0f} mm, "
        f"{widest} {error:.0f} mm"
    )


def _probability(sure: float) -> str:
    return f"{100 * sure:.0f} % that the mean joint error is below {FAR_MM:.0f} mm"


def explains_nothing(warnings: Sequence[FitWarning]) -> bool:
    """Whether the result is not to be used."""
    return any(warning.is_severe for warning in warnings)


def _is_finite(evidence: FitEvidence, metrics: FitMetrics) -> bool:
    values = (*asdict(metrics).values(), *asdict(evidence).values())
    return all(math.isfinite(value) for value in values if isinstance(value, float))


def _of_place(evidence: FitEvidence) -> list[FitWarning]:
    found = []
    if evidence.in_front < MOSTLY_OUTSIDE:
        found.append(FitWarning("behind_camera", "the body lies behind the camera", True))
    elif evidence.inside < MOSTLY_OUTSIDE:
        share = f"{100 * evidence.inside:.0f} % of it inside"
        found.append(
            FitWarning("outside_picture", f"the body lies outside the photo ({share})", True)
        )
    if evidence.start_inside < MOSTLY_OUTSIDE:
        place = (
            "behind the camera" if evidence.start_in_front < MOSTLY_OUTSIDE else "outside the photo"
        )
        text = f"the starting pose lies {place}: do estimate, camera and photo belong together?"
        found.append(FitWarning("start_outside_picture", text))
    return found


def _of_matte(metrics: FitMetrics) -> list[FitWarning]:
    value = f"IoU {metrics.matte_iou:.2f}"
    if metrics.matte_iou < NO_IOU:
        text = f"the body does not cover the matte ({value}): matte or starting pose is wrong"
        return [FitWarning("matte_not_covered", text, is_severe=True)]
    if metrics.matte_iou < POOR_IOU:
        return [FitWarning("matte_poorly_covered", f"the body covers the matte poorly ({value})")]
    return []


def _of_photo(evidence: FitEvidence, metrics: FitMetrics) -> list[FitWarning]:
    found = []
    share = explained_share(evidence, metrics.reblur_psnr_db)
    limits = (
        f"{metrics.reblur_psnr_db:.1f} dB, the empty background has {evidence.empty_psnr_db:.1f}"
    )
    if evidence.noise_psnr_db is not None:
        limits += f", the noise allows {evidence.noise_psnr_db:.1f}"
    if share is None and evidence.noise_psnr_db is not None:
        text = f"person and background differ little beyond the noise ({limits})"
        found.append(FitWarning("hidden_in_noise", text))
    elif share is not None and share < NO_SHARE:
        text = f"the photo is explained no better than by an empty scene ({limits})"
        found.append(FitWarning("photo_not_explained", text, is_severe=True))
    elif share is not None and share < POOR_SHARE:
        found.append(
            FitWarning("photo_poorly_explained", f"the photo is poorly explained ({limits})")
        )
    ratios = [ratio for ratio in evidence.brightness if abs(ratio - 1.0) > OTHER_BRIGHTNESS]
    if ratios:
        worst = max(ratios, key=lambda ratio: abs(ratio - 1.0))
        text = (
            f"outside the person the photo is {worst:.2f} times as bright as the background: take "
            "both with the same exposure, or motion and matte suffer"
        )
        found.append(FitWarning("other_exposure", text))
    return found


def explained_share(evidence: FitEvidence, psnr_db: float) -> float | None:
    """How far a PSNR gets from the empty background (0) to what the noise allows (1).

    Args:
        evidence: has both limits.
        psnr_db: of the fit.

    Returns:
        None where the noise is not known, or leaves nothing to be explained.
    """
    if evidence.noise_psnr_db is None:
        return None
    room = evidence.noise_psnr_db - evidence.empty_psnr_db
    return (psnr_db - evidence.empty_psnr_db) / room if room > LEAST_CONTRAST_DB else None


def _of_start(metrics: FitMetrics, start: FitMetrics) -> list[FitWarning]:
    found = []
    if metrics.reblur_psnr_db < start.reblur_psnr_db - WORSE_DB:
        text = (
            f"the fit explains the photo worse than its start ({start.reblur_psnr_db:.1f} -> "
            f"{metrics.reblur_psnr_db:.1f} dB)"
        )
        found.append(FitWarning("psnr_below_start", text))
    if metrics.matte_iou < start.matte_iou - WORSE_IOU:
        text = (
            f"the fit covers the matte worse than its start (IoU {start.matte_iou:.2f} -> "
            f"{metrics.matte_iou:.2f})"
        )
        found.append(FitWarning("iou_below_start", text))
    return found
