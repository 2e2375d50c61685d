"""What tells whether a fit is to be believed, measured: place, noise, brightness."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d

from hfb.body import SmplBody
from hfb.formation import srgb_to_linear
from hfb.geometry import project
from hfb.metrics import functional
from hfb.refine.initialise import InitialisedFrame
from hfb.refine.problem import RefineProblem
from hfb.refine.result import Refinement
from hfb.structures import Camera

_EMPTY_ALPHA = 0.02
"""Matte below which a pixel shows nothing but the background."""

_FEWEST_PIXELS = 100
_NUM_CELLS = 96
_LARGEST_PSNR_DB = 100.0
_ROUNDING = 2.5e-6
"""Mean squared error of 8 bits in two images, linear light, middle tones: 56 dB."""

_DARK = 0.02
"""Linear light below which a ratio of two pixels is mostly noise."""


@dataclass(frozen=True)
class FitEvidence:
    """Measured on one photo and its fit.

    Attributes:
        empty_psnr_db: of the background alone against the photo in the person's box: what a fit has
            to beat.
        noise_psnr_db: what a perfect fit would reach, from the differences of photo and background
            in the crop outside the matte; None where the matte leaves too little outside.
        in_front: share of the vertices before the camera, mean over the exposure.
        inside: share of the vertices that project into the photo.
        start_in_front: the same of the starting pose.
        start_inside: the same of the starting pose.
        brightness: photo over background in linear light outside the person, of the dark, middle
            and bright third of the background; empty where too little is outside.
    """

    empty_psnr_db: float
    noise_psnr_db: float | None
    in_front: float
    inside: float
    start_in_front: float
    start_inside: float
    brightness: tuple[float, ...] = ()


@torch.no_grad()
def evidence_of(
    refinement: Refinement,
    item: InitialisedFrame,
    problem: RefineProblem,
    body: SmplBody,
    box: tuple[int, int, int, int],
) -> FitEvidence:
    """Measure what tells whether a fit is to be believed.

    Args:
        refinement: the fit.
        item: its photo with the matte that the fit began with.
        problem: its crop (one problem).
        body: the body model.
        box: of the person in the crop, as the re-blur PSNR has it.
    """
    image, background = problem.image[0], problem.background[0]
    times = torch.tensor([0.0, 0.5, 1.0])
    in_front, inside = _place(refinement.posed(body, times).verts, refinement.camera)
    start = body(problem.start.index(slice(0, 1))).verts
    start_in_front, start_inside = _place(start, refinement.camera)
    return FitEvidence(
        empty_psnr_db=min(float(functional.reblur_psnr(background, image, box)), _LARGEST_PSNR_DB),
        noise_psnr_db=_noise_psnr(problem),
        in_front=in_front,
        inside=inside,
        start_in_front=start_in_front,
        start_inside=start_inside,
        brightness=_brightness(item.sample.blurry[0], item.sample.background, item.alpha),
    )


def _place(verts: Float[Tensor, "N V 3"], camera: Camera) -> tuple[float, float]:
    """Shares of the vertices before the camera and in the picture."""
    is_front = verts[..., 2] > 0.0
    x, y = project(verts, camera).unbind(-1)
    is_inside = is_front & (x >= 0) & (y >= 0) & (x <= camera.width) & (y <= camera.height)
    return float(is_front.double().mean()), float(is_inside.double().mean())


def _noise_psnr(problem: RefineProblem) -> float | None:
    """The re-blur PSNR of the true background where there is nobody."""
    is_empty = (problem.alpha[0, 0] < _EMPTY_ALPHA) & (problem.valid[0, 0] > 0.99)
    if int(is_empty.sum()) < _FEWEST_PIXELS:
        return None
    one, other = (
        srgb_to_linear(part[0])[:, is_empty] for part in (problem.image, problem.background)
    )
    error = (one - other).square().mean().clamp(min=_ROUNDING)
    return float(-10.0 * torch.log10(error))


def _brightness(
    image: Float[Tensor, "3 H W"], background: Float[Tensor, "3 H W"], alpha: Float[Tensor, "1 H W"]
) -> tuple[float, ...]:
    """Medians of the ratio of the two, by how bright the background is."""
    # Means of squares: noise would sort itself into bright and dark pixels.
    cell = max(1, min(image.shape[-2:]) // _NUM_CELLS)
    one, other = (
        avg_pool2d(srgb_to_linear(part).mean(0, keepdim=True), cell)[0]
        for part in (image, background)
    )
    is_empty = (max_pool2d(alpha, cell)[0] < _EMPTY_ALPHA) & (other > _DARK)
    one, other = one[is_empty], other[is_empty]
    if len(other) < _FEWEST_PIXELS:
        return ()
    order = other.argsort()
    return tuple(float((one[part] / other[part]).median()) for part in order.chunk(3))
