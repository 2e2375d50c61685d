"""A photo alone: where the person is by the network's own mask, and a scene made up behind them.

Not in the paper, which knows the background. Rougher than with one: the mask of a network that was
trained on sharp people stands in for the matte, and what the person hides is filled in from around,
which is good enough for what shows through a blurred rim.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from hfb.errors import NoPersonError
from hfb.init.detect.blazepose import BlazePose
from hfb.init.detect.decoding import Roi, roi_from_points
from hfb.structures import BlurSample

_logger = logging.getLogger("hfb")

Region = tuple[int, int, int, int]

_MIN_SCORE, _MIN_PRESENCE = 0.5, 0.5
"""Of the detector and of the landmark network, from which there is a person."""
_SAME_PERSON, _LEAST_SIDE = 0.3, 0.25
"""Distance of two squares, in sides of the larger, up to which they hold one person; smallest side,
in those of the largest person's, of somebody who is not far in the background."""
_WINDOWS = (1.0, 1.6)
"""Sides of the squares that people are looked for in, in longer sides of the picture."""
_SCALES, _ANGLES = (0.9, 1.0, 1.15, 1.35), (-0.2, 0.0, 0.2)
"""The mask is the mean over squares round the person's, as landmarks are medians."""
_HELD, _MARGIN = 0.2, 0.03
"""Probability from which a pixel may be the person's, and what is added all around it, in sides of
their square: shadows, and blurred limbs that no mask has."""
_LEAST_ALPHA = 0.05
_FILL_SIDE, _FILL_RADIUS = 400, 5
"""Longer side at which the scene is filled in, px: what is filled in has no detail."""


@dataclass(frozen=True)
class LonePhoto:
    """What a photo without a background is taken to be.

    Attributes:
        scene: the photo with what may be the person filled in, sRGB in [0, 1].
        known: 0 where it is filled in, else 1.
        alpha: the person's matte.
    """

    scene: Float[Tensor, "3 H W"]
    known: Float[Tensor, "1 H W"]
    alpha: Float[Tensor, "1 H W"]


def lone_photo(
    photo: Float[Tensor, "3 H W"],
    name: str,
    alpha: Float[Tensor, "1 H W"] | None = None,
    region: Region | None = None,
    network: BlazePose | None = None,
    person: int = 1,
) -> LonePhoto:
    """Matte and scene of a photo that has neither.

    Args:
        photo: sRGB in [0, 1].
        name: of the photo, for errors.
        alpha: the matte, where it is known; then nobody is looked for.
        region: left, top, right, bottom of where the person is; None: the largest one anywhere.
        network: detector and landmark network; by default the shipped ones.
        person: which of them, the largest first.

    Raises:
        NoPersonError: if nobody is found.
        AssetNotFoundError: if the networks are missing.
    """
    pixels = pixels_of(photo)
    if alpha is None:
        mean, most, side = _person(network or BlazePose(), pixels, region, name, person)
        mask = np.where(mean > _LEAST_ALPHA, mean, 0.0).astype(np.float32)
        held = most > _HELD
        alpha = torch.from_numpy(mask)[None]
    else:
        held = alpha[0].numpy() > _LEAST_ALPHA
        rows, columns = np.nonzero(held)
        side = float(max(np.ptp(rows), np.ptp(columns))) if len(rows) else 0.0
    radius = max(2, round(_MARGIN * side))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    hole = cv2.dilate(held.astype(np.uint8), disc) > 0
    filled = torch.from_numpy(_filled(pixels, hole)).permute(2, 0, 1).float() / 255
    is_hole = torch.from_numpy(hole)[None]
    return LonePhoto(torch.where(is_hole, filled, photo), (~is_hole).float(), alpha)


def without_background(
    sample: BlurSample,
    name: str,
    region: Region | None = None,
    network: BlazePose | None = None,
    person: int = 1,
) -> BlurSample:
    """A sample of one photo with a scene that is made up, and its matte; it is said.

    Args:
        sample: the photo; its background is not looked at.
        name: of the photo, for errors.
        region: as `lone_photo`.
        network: as `lone_photo`.
        person: as `lone_photo`.

    Raises:
        NoPersonError: if nobody is found.
    """
    given = None if sample.alpha is None else sample.alpha[0]
    lone = lone_photo(sample.blurry[0], name, given, region, network, person)
    _logger.warning(
        "%s has no background: the person is told from the photo alone, which is rougher, and what "
        "they hide is made up; an image of the scene without them (--data.background) does better",
        name,
    )
    return replace(
        sample,
        background=lone.scene,
        background_known=lone.known,
        alpha=lone.alpha[None],
        background_is_made_up=True,
    )


def pixels_of(photo: Float[Tensor, "3 H W"]) -> UInt8[np.ndarray, "H W 3"]:
    """What the networks read.

    Args:
        photo: sRGB in [0, 1].
    """
    pixels = (photo.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    return np.ascontiguousarray(pixels)


def squares_of_people(
    network: BlazePose, pixels: UInt8[np.ndarray, "H W 3"], region: Region | None = None
) -> list[Roi]:
    """Squares of all people in a picture, the largest first.

    Args:
        network: detector and landmark network.
        pixels: sRGB.
        region: left, top, right, bottom of where they are; None: anywhere.
    """
    height, width = pixels.shape[:2]
    left, top, right, bottom = region or (0, 0, width, height)
    x, y, side = (left + right) / 2, (top + bottom) / 2, float(max(right - left, bottom - top))
    found: list[Roi] = []
    for scale in _WINDOWS:
        for person in network.detect(pixels, (x, y, side * scale, 0.0), _MIN_SCORE):
            roi = roi_from_points(person.hip, person.top)
            if not (left <= roi[0] <= right and top <= roi[1] <= bottom):
                continue
            landmarks = network.landmarks(pixels, roi)
            if landmarks.score > _MIN_PRESENCE:
                found.append(landmarks.next_roi)
    people: list[Roi] = []
    for roi in sorted(found, key=lambda roi: -roi[2]):
        apart = [np.hypot(roi[0] - other[0], roi[1] - other[1]) / other[2] for other in people]
        if min(apart, default=np.inf) > _SAME_PERSON and roi[2] > _LEAST_SIDE * max(
            r[2] for r in found
        ):
            people.append(roi)
    return people


def _person(
    network: BlazePose,
    pixels: UInt8[np.ndarray, "H W 3"],
    region: Region | None,
    name: str,
    number: int,
) -> tuple[Float[np.ndarray, "H W"], Float[np.ndarray, "H W"], float]:
    """Mean and largest probability of each pixel to be the person's; side of their square, px."""
    rois = squares_of_people(network, pixels, region)
    if len(rois) < number:
        raise NoPersonError(
            f"no person found in {name} alone, without a background: give an image of the same "
            "scene without the person (--data.background), or a matte of the person (--data.alpha)"
        )
    width = pixels.shape[1]
    mirrored = np.ascontiguousarray(pixels[:, ::-1])
    x, y, side, angle = rois[number - 1]
    masks = []
    for scale in _SCALES:
        for turn in _ANGLES:
            masks.append(network.mask(pixels, (x, y, side * scale, angle + turn)))
            other = network.mask(mirrored, (width - x, y, side * scale, -angle - turn))
            masks.append(other[:, ::-1])
    mean, most = np.mean(masks, axis=0), np.max(masks, axis=0)
    # What is rather somebody else's is theirs.
    is_own = np.ones(mean.shape, bool)
    for theirs in rois[: number - 1] + rois[number:]:
        is_own &= network.mask(pixels, theirs) <= np.maximum(mean, _HELD)
    return mean * is_own, most * is_own, side


def _filled(
    pixels: UInt8[np.ndarray, "H W 3"], hole: Bool[np.ndarray, "H W"]
) -> UInt8[np.ndarray, "H W 3"]:
    """The picture with a hole filled in from around it."""
    height, width = hole.shape
    scale = min(1.0, _FILL_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Any pixel of the hole would bleed into a reduced one.
    kept = np.where(hole[..., None], 0, pixels).astype(np.float32)
    share = cv2.resize((~hole).astype(np.float32), size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(kept, size, interpolation=cv2.INTER_AREA)
    is_small_hole = share < 0.5
    small = (small / np.maximum(share, 1e-3)[..., None]).clip(0, 255).astype(np.uint8)
    filled = cv2.inpaint(small, is_small_hole.astype(np.uint8), _FILL_RADIUS, cv2.INPAINT_TELEA)
    return cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)
