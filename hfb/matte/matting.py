"""The person's matte from a blurry image and the known background, without trained weights.

The matte of a motion-blurred opaque body is the share of the exposure during which it covers a
pixel (Giusti and Caglioti), so I = alpha·F + (1 - alpha)·B holds in linear light, and here B is
known. The paper uses a trained network (Background Matting V2). What can be known without one:

* alpha is at least what it takes to bring B to I with a colour F inside [0, 1];
* alpha is zero where nothing differs from the background;
* where the background has texture, 1 - alpha is how much of it still shows (`see_through`);
* alpha = <I-B, F-B> / |F-B|² where the person's colour F is known, and F is nearly the same nearby.

The last is iterated with an estimate of F that spreads from opaque places outwards. Closed-form
matting from a trimap was tried for comparison and is worse (it cannot use the known background).
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hfb.errors import ShapeError
from hfb.formation import srgb_to_linear
from hfb.matte.region import crop_image, find_region, foreground_mask, noise_level, paste_crop

# The numbers below were set on 30 synthetic photos with known mattes, half of them on photographs.
_NUM_ITERS = 4
_RAMP_PX = 10.0
"""Depth inside the support from which the first guess is opaque, px of a 256 px crop."""

_GAP_PX = 7.0
"""Widest gap inside the matte that is closed, px of a 256 px crop."""

_SEE_THROUGH_WEIGHT = 0.04
_FIRST_GUESS_WEIGHT = 0.02
SMOOTHNESS = 0.004
_SPREAD_PX = (3.0, 6.0, 12.0, 30.0)
_REFERENCE_SIZE = 256
_SMALL_RADIUS_PX = 3.0
"""Standard deviation that blurs are brought down to by making the image smaller."""


def estimate_alpha(
    blurry: Float[Tensor, "3 H W"],
    background: Float[Tensor, "3 H W"],
    hint: Bool[Tensor, "H W"] | None = None,
    max_size: int = 512,
) -> Float[Tensor, "1 H W"]:
    """Estimate the matte of the person.

    Args:
        blurry: the image, sRGB in [0, 1].
        background: the same scene without the person, sRGB in [0, 1].
        hint: pixels that are known to be opaque, for example deep inside a first fit.
        max_size: side at which the person's region is worked on at most, px.

    Returns:
        Share of the exposure during which the person covers each pixel, in [0, 1]; zero everywhere
        if the images do not differ.

    Raises:
        ShapeError: if the images differ in size.
    """
    if blurry.shape != background.shape:
        raise ShapeError(
            f"image {tuple(blurry.shape)} and background {tuple(background.shape)} differ in size"
        )
    height, width = blurry.shape[1:]
    mask = foreground_mask(blurry, background)
    if not bool(mask.any()):
        return blurry.new_zeros(1, height, width)
    box = find_region(mask, margin=0.15)
    side = min(box.size, max_size)
    small = [
        srgb_to_linear(crop_image(image.detach().cpu(), box, side)).permute(1, 2, 0).numpy()
        for image in (blurry, background)
    ]
    support = crop_image(mask[None].cpu().float(), box, side, is_colour=False)[0].numpy() > 0.25
    opaque = np.zeros_like(support)
    if hint is not None:
        opaque = crop_image(hint[None].cpu().float(), box, side, is_colour=False)[0].numpy() > 0.5
    alpha = _matte(small[0], small[1], support | opaque, opaque, noise_level(blurry, background))
    full = paste_crop(torch.from_numpy(alpha)[None], box, height, width)
    return full.clamp(0, 1).to(blurry)


def lower_bound(
    image: Float[np.ndarray, "H W 3"], background: Float[np.ndarray, "H W 3"], slack: float
) -> Float[np.ndarray, "H W"]:
    """The least alpha that can turn the background's colour into the image's.

    A channel can be raised at most to 1 and lowered at most to 0, so I-B <= alpha (1-B) and
    B-I <= alpha B.

    Args:
        image: linear light.
        background: linear light.
        slack: difference that may be noise.
    """
    difference = image - background
    raised = (difference - slack) / np.maximum(1.0 - background, 1e-3)
    lowered = (-difference - slack) / np.maximum(background, 1e-3)
    return np.clip(np.maximum(raised, lowered).max(-1), 0.0, 1.0)


def see_through(
    image: Float[np.ndarray, "H W 3"], background: Float[np.ndarray, "H W 3"], radius: float = 3.0
) -> tuple[Float[np.ndarray, "H W"], Float[np.ndarray, "H W"]]:
    """Alpha from how much of the background's texture still shows, and how sure that is.

    In a small window I = alpha·F + (1 - alpha)·B with a nearly constant first term, so 1 - alpha is
    the slope of the regression of I on B over its pixels and channels.

    Args:
        image: linear light.
        background: linear light.
        radius: standard deviation of the window, px.

    Returns:
        Alpha in [0, 1], and the ratio of explained to unexplained variance per unit of slope.
    """
    mean_image, mean_background = smooth(image, radius), smooth(background, radius)
    covariance = (smooth(image * background, radius) - mean_image * mean_background).sum(-1)
    variance = (smooth(background * background, radius) - mean_background**2).sum(-1)
    total = (smooth(image * image, radius) - mean_image**2).sum(-1)
    slope = covariance / np.maximum(variance, 1e-7)
    unexplained = np.maximum(total - slope * covariance, 0.0) + 1e-4
    return np.clip(1.0 - slope, 0.0, 1.0), np.maximum(variance, 0.0) / unexplained


def _matte(
    image: np.ndarray,
    background: np.ndarray,
    support: np.ndarray,
    opaque: np.ndarray,
    noise: float,
) -> np.ndarray:
    """Alternate between the person's colours and the matte; all arrays linear, channels last."""
    image, background = image.astype(np.float32), background.astype(np.float32)
    difference = image - background
    scale = max(image.shape[:2]) / _REFERENCE_SIZE
    bound = lower_bound(image, background, slack=max(0.01, 2.0 * noise))
    shown, sureness = see_through(image, background, 3.0 * scale)
    weight = _SEE_THROUGH_WEIGHT * sureness
    inside = cv2.dilate(support.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    depth = cv2.distanceTransform(support.astype(np.uint8), cv2.DIST_L2, 5)
    ramp = np.clip(depth / max(1.0, min(_RAMP_PX * scale, 0.5 * float(depth.max()))), 0.0, 1.0)
    alpha = (weight * shown + _FIRST_GUESS_WEIGHT * ramp) / (weight + _FIRST_GUESS_WEIGHT)
    alpha = np.where(opaque, 1.0, np.maximum(alpha, bound) * inside).astype(np.float32)
    for _ in range(_NUM_ITERS):
        colour = person_colour(difference, background, alpha, scale)
        contrast = colour - background
        evidence = (difference * contrast).sum(-1) + weight * shown
        evidence = evidence + SMOOTHNESS * smooth(alpha, 2.0 * scale)
        alpha = evidence / ((contrast**2).sum(-1) + weight + SMOOTHNESS)
        alpha = np.clip(np.maximum(alpha, bound), 0.0, 1.0) * inside
        alpha = np.where(opaque, 1.0, alpha).astype(np.float32)
    # Sharp stripes and prints differ from the colour around them and come out as thin gaps.
    width = 2 * round(_GAP_PX * scale / 2) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    return cv2.morphologyEx(alpha, cv2.MORPH_CLOSE, disc)


def person_colour(
    difference: np.ndarray, background: np.ndarray, alpha: np.ndarray, scale: float
) -> np.ndarray:
    """The person's colour everywhere: what alpha implies, spread from opaque places outwards."""
    implied = (difference + alpha[..., None] * background) / np.maximum(alpha, 0.05)[..., None]
    implied = np.clip(implied, 0.0, 1.0)
    # alpha³: half-transparent pixels say little about the colour, their division amplifies errors.
    trust = alpha**3 + 1e-6
    colour, covered = np.zeros_like(implied), np.zeros_like(alpha)
    for radius in _SPREAD_PX:
        weight = smooth(trust, radius * scale)
        mean = smooth(implied * trust[..., None], radius * scale) / weight[..., None]
        # Wider windows fill in only where narrower ones saw too little of the person.
        share = np.clip(weight / 0.05, 0.0, 1.0) * (1.0 - covered)
        colour += share[..., None] * mean
        covered += share
    overall = (implied * trust[..., None]).sum((0, 1)) / trust.sum()
    return np.clip(colour + (1.0 - covered)[..., None] * overall, 0.0, 1.0)


def smooth(values: Float[np.ndarray, "H W *C"], radius: float) -> Float[np.ndarray, "H W *C"]:
    """Gaussian blur that takes the image to go on beyond its edges.

    Args:
        values: channels last.
        radius: standard deviation, px.
    """
    step = int(radius / _SMALL_RADIUS_PX)
    if step < 2:
        return _blurred(values, radius)
    # A wide blur of means over squares of pixels, and straight lines between them: within 0.3 % of
    # full contrast, and its time does not grow with the radius.
    height, width = values.shape[:2]
    rows, columns = -(-height // step), -(-width // step)
    edges = (0, rows * step - height, 0, columns * step - width)
    whole = cv2.copyMakeBorder(values, *edges, cv2.BORDER_REPLICATE)
    small = cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)
    # Means and lines are blurs of their own.
    variance = radius**2 - (step**2 - 1) / 12 - step**2 / 6
    small = _blurred(small, float(np.sqrt(variance)) / step)
    size = (columns * step, rows * step)
    return cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)[:height, :width]


def _blurred(values: np.ndarray, radius: float) -> np.ndarray:
    return cv2.GaussianBlur(values, (0, 0), radius, borderType=cv2.BORDER_REPLICATE)
