"""A background brought to its photo: the view first, then exposure, white balance and tone.

Not in the paper, which takes both from one clip. What is found is said in a warning; where photo
and background match, the background stays as it is, bit by bit. Thresholds and what is left over:
docs/lab/mismatch.md.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.background.camera_motion import CameraMotion, as_pixels, limits_in_words, seen_after
from hfb.background.find_motion import find_motion
from hfb.background.tones import ToneCurve, find_tone, lost_to_clipping
from hfb.errors import InputError

_logger = logging.getLogger("hfb")

_SMALLEST_CHANGE, _LEAST_GAINED = 0.03, 0.1
"""Of a curve: natural logarithms of light, and share of the picture that it brings near. Without
another exposure there are up to .036 and .02, of ghosts in the background."""
_MIN_SHARE = 0.5
"""The person covers less than half of the picture: a curve holds for the rest."""
_GAIN_BEND = 0.1
"""Ratios of dark and bright places that differ by less are one gain in words."""
_SAME_VIEW = 2.0
"""How far the motions of consecutive photos may differ to be one motion, in those that are none."""


@dataclass(frozen=True)
class Background:
    """The scene behind the person.

    Attributes:
        scene: sRGB in [0, 1].
        known: 1 where it was seen, 0 where it is not known; None: it was seen everywhere.
    """

    scene: Float[Tensor, "3 H W"]
    known: Float[Tensor, "1 H W"] | None = None

    def without(self, lost: Float[Tensor, "1 H W"]) -> Background:
        """The same where some pixels are not known after all.

        Args:
            lost: 1 for these.
        """
        if not bool(lost.any()):
            return self
        known = 1.0 - lost if self.known is None else self.known * (1.0 - lost)
        return replace(self, known=known)


def matched_background(
    blurry: Float[Tensor, "T 3 H W"], given: Background, name: str
) -> Background:
    """The background as the photo's camera would have shown it; warns of what it changes.

    Args:
        blurry: the photos.
        given: the scene.
        name: of the photo, for the warnings.

    Returns:
        The same object if nothing differs, or nothing can be told.

    Raises:
        InputError: if the camera moved farther between the two than can be undone.
    """
    return _same_tone(blurry, _same_view(blurry, given, name), name)


def _same_view(blurry: Tensor, given: Background, name: str) -> Background:
    scene = as_pixels(given.scene)
    found = [find_motion(scene, as_pixels(photo)) for photo in blurry]
    motions = [motion for motion in found if motion is not None]
    if not motions or all(motion.is_still for motion in motions):
        return given
    farthest = max(motions, key=lambda motion: motion.largest_px)
    if not farthest.is_small:
        raise InputError(
            f"{name} and its background are two views: the camera moved by {farthest} between "
            f"them, and up to {limits_in_words(scene.shape[1])} are undone; take both with a "
            "camera that stands still"
        )
    _require_one_view(motions, name)
    _logger.warning(
        "%s and its background are two views: the camera moved by %s between them (%.1f px in a "
        "corner of the picture); the background is moved to match",
        name,
        farthest,
        farthest.largest_px,
    )
    moved, inside = seen_after(given.scene, farthest)
    # What the background does not show is taken to be empty: nobody is seen to stand there.
    moved = torch.where(inside > 0, moved, blurry[0])
    known = None
    if given.known is not None:
        known = (seen_after(given.known, farthest)[0] > 0.999).float()
    return Background(moved, known).without(1.0 - inside)


def _require_one_view(motions: list[CameraMotion], name: str) -> None:
    """Raise if the camera moved between consecutive photos."""
    places = [motion.shift_px for motion in motions]
    apart = max(
        max(abs(one[0] - other[0]), abs(one[1] - other[1])) for one in places for other in places
    )
    if apart > _SAME_VIEW * motions[0].still_px:
        raise InputError(
            f"the camera moved by {apart:.1f} px between the photos that begin with {name}: "
            "consecutive photos need one that stands still; give one photo at a time"
        )


def _same_tone(blurry: Tensor, given: Background, name: str) -> Background:
    curve = find_tone(blurry, given.scene)
    if curve is None or curve.change < _SMALLEST_CHANGE:
        return given
    if curve.share < _MIN_SHARE or curve.gained < _LEAST_GAINED:
        if curve.unchanged < _MIN_SHARE:
            _logger.warning(
                "%s is as bright as its background in only %.0f %% of the picture, and no "
                "exposure, white balance or tone curve makes it so in more than %.0f %%; take both "
                "with a camera that stands still and the same settings, or expect a bad fit",
                name,
                100 * curve.unchanged,
                100 * curve.share,
            )
        return given
    _logger.warning(
        "%s is exposed differently from its background: light is %.2f, %.2f and %.2f times as much "
        "(red, green, blue)%s; the background is changed to match",
        name,
        *curve.gains(),
        _bend_in_words(curve),
    )
    scene = curve(given.scene)
    return replace(given, scene=scene).without(lost_to_clipping(given.scene, scene))


def in_tones_of(
    scene: Float[Tensor, "3 H W"], photo: Float[Tensor, "3 H W"]
) -> Float[Tensor, "3 H W"]:
    """A photo of a clip as the scene's exposure would have shown it: what is worn keeps its colour.

    Args:
        scene: the clip's background, sRGB.
        photo: in whose light it differs, sRGB.

    Returns:
        The same tensor if nothing differs, or nothing can be told.
    """
    curve = find_tone(scene[None], photo)
    if curve is None or curve.change < _SMALLEST_CHANGE:
        return photo
    if curve.share < _MIN_SHARE or curve.gained < _LEAST_GAINED:
        return photo
    return curve(photo)


def _bend_in_words(curve: ToneCurve) -> str:
    if curve.bend() <= _GAIN_BEND:
        return ""
    dark, bright = curve.ends()
    return f" in middle tones, {dark:.2f} times in dark and {bright:.2f} times in bright ones"
