"""The matte once more, when a first fit says where the body is about.

Not in the paper, whose matte is fixed. A matte found before there is a body has holes where clothes
look like the wall, and takes in shadows and leaves that moved. The fitted body knows both: deep
inside it the person is opaque, far from it nobody is, and where the photo cannot tell, its own
coverage is the best guess. Where the photo can tell, it still decides: the body only adds a
quadratic prior to the least squares of `hfb.matte.matting`.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hfb.errors import ShapeError
from hfb.formation import srgb_to_linear
from hfb.matte.matting import SMOOTHNESS, lower_bound, person_colour, see_through, smooth
from hfb.matte.region import noise_level

# Chosen on 12 photos averaged from real clips, by eye, and on 8 synthetic ones with known mattes.
_NUM_ITERS = 4
_PRIOR_WEIGHT = 0.05
"""Weight of the body's coverage, against squared colour differences in linear light."""

_TRUST_RADIUS = 0.02
"""Distance from the body, in body heights, at which the prior's weight has doubled."""

_FARTHEST = 0.15
"""Distance from the body, in body heights, beyond which the matte is empty."""

_SEE_THROUGH_WEIGHT = 0.01
_CORE_PX = 1.0
"""Depth inside the fully covered pixels from which the person is taken to be opaque, px."""


def refresh_alpha(
    blurry: Float[Tensor, "3 S S"],
    background: Float[Tensor, "3 S S"],
    alpha: Float[Tensor, "1 S S"],
    body_alpha: Float[Tensor, "1 S S"],
) -> Float[Tensor, "1 S S"]:
    """Estimate the matte again with a fitted body as prior.

    Args:
        blurry: crop of the photo, sRGB in [0, 1].
        background: the same crop without the person, sRGB.
        alpha: the matte so far, a first guess.
        body_alpha: the fitted body's mean silhouette over the exposure.

    Returns:
        The new matte; the old one if the body covers no pixel.

    Raises:
        ShapeError: if the sizes differ.
    """
    sizes = {tuple(image.shape[-2:]) for image in (blurry, background, alpha, body_alpha)}
    if len(sizes) > 1:
        raise ShapeError(f"refresh_alpha: image, background and mattes differ in size: {sizes}")
    prior = body_alpha[0].detach().cpu().float().numpy()
    rows = np.nonzero((prior > 0.5).any(1))[0]
    if len(rows) == 0:
        return alpha
    extent = float(rows[-1] - rows[0] + 1)
    linear = [srgb_to_linear(image.detach().cpu().float()) for image in (blurry, background)]
    slack = max(0.01, 2.0 * noise_level(*linear))
    image, behind = (image.permute(1, 2, 0).numpy() for image in linear)
    first = 0.5 * (alpha[0].detach().cpu().float().numpy() + prior)
    return torch.from_numpy(_solve(image, behind, first, prior, extent, slack))[None].to(alpha)


def _solve(
    image: np.ndarray,
    background: np.ndarray,
    first: np.ndarray,
    prior: np.ndarray,
    extent: float,
    slack: float,
) -> np.ndarray:
    """Alternate between the person's colours and the matte; images linear, channels last."""
    scale = image.shape[0] / 256.0
    outside = (prior < 0.05).astype(np.uint8)
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, 5) / extent
    is_near = distance < _FARTHEST
    full = (prior > 0.97).astype(np.uint8)
    opaque = cv2.distanceTransform(full, cv2.DIST_L2, 5) > _CORE_PX * scale
    growth = 1.0 + (distance / _TRUST_RADIUS) ** 2
    weight = _PRIOR_WEIGHT * growth
    shown, sureness = see_through(image, background, 3.0 * scale)
    shown_weight = _SEE_THROUGH_WEIGHT * sureness * (distance <= _TRUST_RADIUS)
    # Far from the body a difference is rather a shadow or a leaf than a limb.
    bound = lower_bound(image, background, slack) / growth
    difference = image - background
    alpha = np.where(opaque, 1.0, first * is_near).astype(np.float32)
    for _ in range(_NUM_ITERS):
        contrast = person_colour(difference, background, alpha, scale) - background
        evidence = (difference * contrast).sum(-1) + shown_weight * shown
        evidence = evidence + weight * prior + SMOOTHNESS * smooth(alpha, 2.0 * scale)
        alpha = evidence / ((contrast**2).sum(-1) + shown_weight + weight + SMOOTHNESS)
        alpha = np.clip(np.maximum(alpha, bound), 0.0, 1.0) * is_near
        alpha = np.where(opaque, 1.0, alpha).astype(np.float32)
    return alpha
