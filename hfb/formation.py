"""How a blurry photo comes about: average over the exposure, compositing, response curve.

Light adds up linearly, so averages are taken of linear values by default. [paper variant] The paper
does not mention the camera's response curve and averages the encoded values: leave out the two
curves below and give the same functions sRGB values.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from hfb.errors import ShapeError
from hfb.structures import Exposure, Layers

# IEC 61966-2-1: the straight foot of the sRGB curve ends here.
_SRGB_KNEE = 0.04045
_LINEAR_KNEE = 0.0031308
_ROUNDING = 4e-8
"""What float32 may be off there: without it black would not be black."""


class _DecodeSrgb(torch.autograd.Function):
    """The sRGB curve; its slope comes from its value, which saves a second power per pixel.

    The foot and the power law are added up, each up to the knee and from it on, where both agree:
    choosing between them pixel by pixel takes three times as long.
    """

    @staticmethod
    def forward(ctx: Any, image: Tensor) -> Tensor:
        power = image.clamp(min=_SRGB_KNEE).add_(0.055).mul_(1.0 / 1.055).pow_(2.4)
        power = power.sub_(_SRGB_KNEE / 12.92 + _ROUNDING / 8).clamp_(min=0.0)
        linear = power.add_(image.clamp(max=_SRGB_KNEE), alpha=1 / 12.92)
        ctx.save_for_backward(image, linear)
        return linear

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        image, linear = ctx.saved_tensors
        slope = (2.4 * linear).div_(image.clamp(min=_SRGB_KNEE).add_(0.055))
        return _on_foot(image, _SRGB_KNEE, 1 / 12.92, slope).mul_(grad)


class _EncodeSrgb(torch.autograd.Function):
    """The inverse curve, in the same way."""

    @staticmethod
    def forward(ctx: Any, image: Tensor) -> Tensor:
        power = image.clamp(min=_LINEAR_KNEE).pow_(1 / 2.4).mul_(1.055)
        power = power.sub_(0.055 + 12.92 * _LINEAR_KNEE + _ROUNDING).clamp_(min=0.0)
        encoded = power.add_(image.clamp(max=_LINEAR_KNEE), alpha=12.92)
        ctx.save_for_backward(image, encoded)
        return encoded

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        image, encoded = ctx.saved_tensors
        slope = (encoded + 0.055).div_(image.clamp(min=_LINEAR_KNEE).mul_(2.4))
        return _on_foot(image, _LINEAR_KNEE, 12.92, slope).mul_(grad)


def _on_foot(image: Tensor, knee: float, foot: float, slope: Tensor) -> Tensor:
    """The slope, that of the straight foot up to the knee; changes `slope`."""
    beyond = image.sub(knee).clamp_(min=0.0).sign_()
    return slope.sub_(foot).mul_(beyond).add_(foot)


def srgb_to_linear(image: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """Decode sRGB values to linear light (IEC 61966-2-1).

    Args:
        image: sRGB in [0, 1]. Values below 0 follow the straight foot of the curve and values above
            1 its power law, so that overshooting predictions keep a useful gradient.

    Returns:
        Linear values, same shape.
    """
    return _DecodeSrgb.apply(image)


def linear_to_srgb(image: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """Encode linear light as sRGB values (IEC 61966-2-1), the inverse of `srgb_to_linear`.

    Args:
        image: linear values in [0, 1]; outside they are treated as in `srgb_to_linear`.

    Returns:
        sRGB values, same shape; the gradient is at most 12.92.
    """
    return _EncodeSrgb.apply(image)


def average_layers(
    layers: Layers,
) -> tuple[Float[Tensor, "*B 3 H W"], Float[Tensor, "*B 1 H W"]]:
    """The two means over sub-frames in eq. (2).

    Args:
        layers: RGBA per sub-frame, straight colour.

    Returns:
        Mean of silhouette times appearance (premultiplied colour), and the mean silhouette, which
        is also the alpha of eq. (4).
    """
    return (layers.alpha * layers.rgb).mean(-4), layers.alpha.mean(-4)


def composite_exposure(
    exposure: Exposure, background: Float[Tensor, "*C 3 H W"]
) -> Float[Tensor, "*B 3 H W"]:
    """Put an averaged exposure on the background: eq. (2) of Human from Blur.

    Args:
        exposure: means over the sub-frames, premultiplied colour, linear light.
        background: the static scene, linear RGB in [0, 1]; its batch axes broadcast against the
            exposure's.

    Returns:
        The predicted blurry image, linear RGB.

    Raises:
        ShapeError: if background and exposure do not fit.
    """
    return _composite(exposure.rgb, exposure.alpha, background)


def composite_layers(
    layers: Layers, background: Float[Tensor, "*C 3 H W"]
) -> Float[Tensor, "*B 3 H W"]:
    """Blur the sub-frame layers over the exposure and put them on the background.

    Eq. (2) of Human from Blur.

    Args:
        layers: RGBA per sub-frame, straight colour, linear RGB in [0, 1].
        background: the static scene, linear RGB in [0, 1]; its batch axes broadcast against the
            layers'.

    Returns:
        The predicted blurry image, linear RGB in [0, 1].

    Raises:
        ShapeError: if background and layers do not fit.
    """
    rgb, alpha = average_layers(layers)
    return _composite(rgb, alpha, background)


def _composite(rgb: Tensor, alpha: Tensor, background: Tensor) -> Tensor:
    try:
        shape = torch.broadcast_shapes(rgb.shape, background.shape)
    except RuntimeError:
        shape = None
    if shape != rgb.shape:
        raise ShapeError(
            f"The background {tuple(background.shape)} does not fit the rendered image "
            f"{tuple(rgb.shape)}: same height and width, and batch axes that broadcast to its."
        )
    return (1.0 - alpha) * background + rgb


def blur_rate(silhouettes: Bool[Tensor, "*B N H W"]) -> Float[Tensor, "*B"]:
    """How far a body moves during the exposure, in units of its own size: eq. (12).

    Args:
        silhouettes: hard silhouettes of the N sub-frames, in temporal order.

    Returns:
        Area of the union over area of the first silhouette, minus 1. 0 for a body at rest, above 1
        when first and last do not overlap. NaN where the first silhouette is empty.
    """
    union = silhouettes.any(-3).sum((-2, -1))
    first = silhouettes[..., 0, :, :].sum((-2, -1))
    return torch.where(first > 0, union / first.clamp(min=1) - 1.0, torch.nan)


BLUR_RATE_BINS: dict[str, tuple[float, ...]] = {
    "table1": (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.1),
    "table2": (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.1),
    "table4": (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8),
    "table5": (0.0, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9),
}
"""Edges of the blur rate's bins in the paper's tables; table3 has none."""
