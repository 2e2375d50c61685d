"""Terms that compare images: image formation (eq. 3), matting (eq. 4), background (eq. 9)."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.errors import InputError
from hfb.structures import Exposure, Layers

MattingKind = Literal["iou", "l1", "l2"]

# Pixels: lets two empty mattes agree (0/0 = 1) and changes no other value visibly.
_EMPTY_MATTE = 1e-6


def image_loss(
    preds: Float[Tensor, "*B 3 H W"],
    target: Float[Tensor, "*B 3 H W"],
    weight: Float[Tensor, "*B 1 H W"] | None = None,
    area: Float[Tensor, "*B"] | None = None,
) -> Float[Tensor, "*B"]:
    """Mean squared difference of the blurry image and its prediction: L_I, eq. (3).

    The paper calls it a mean squared error and writes an un-squared norm; it is the former.

    Args:
        preds: predicted blurry image, RGB, in the colour space in which the two are to agree.
        target: observed blurry image.
        weight: factor of each pixel, for example 0 where the image is not to be trusted; a pixel of
            weight 0 still counts in the mean.
        area: size of the person in pixels (the sum of the observed alpha). If given, the sum of
            squares is divided by it instead of by H W, which makes the value independent of how
            much background the crop shows.

    Returns:
        One value a sample.
    """
    return _mean_over_pixels((preds - target).square(), weight, area)


def matting_loss(
    preds_alpha: Float[Tensor, "*B 1 H W"],
    target_alpha: Float[Tensor, "*B 1 H W"],
    weight: Float[Tensor, "*B 1 H W"] | None = None,
    kind: MattingKind = "iou",
    area: Float[Tensor, "*B"] | None = None,
) -> Float[Tensor, "*B"]:
    """Difference of the rendered and the estimated alpha channel: L_alpha, eq. (4).

    "iou" [paper variant] is eq. (4), one minus the ratio of the sums of minima and maxima. "l1" and
    "l2" are not in the paper: soft IoU between fractional alphas pulled small motions to zero.

    Args:
        preds_alpha: mean silhouette over the exposure, in [0, 1].
        target_alpha: matte of the blurry image, in [0, 1].
        weight: factor of each pixel.
        kind: which difference.
        area: as in `image_loss`, for "l1" and "l2"; "iou" needs no normaliser and ignores it.

    Returns:
        One value a sample. Two empty mattes differ by 0.

    Raises:
        InputError: if `kind` is not known.
    """
    if kind == "iou":
        lower = torch.minimum(preds_alpha, target_alpha)
        upper = torch.maximum(preds_alpha, target_alpha)
        if weight is not None:
            lower, upper = weight * lower, weight * upper
        intersection, union = lower.sum((-3, -2, -1)), upper.sum((-3, -2, -1))
        return 1.0 - (intersection + _EMPTY_MATTE) / (union + _EMPTY_MATTE)
    difference = preds_alpha - target_alpha
    if kind == "l1":
        return _mean_over_pixels(difference.abs(), weight, area)
    if kind == "l2":
        return _mean_over_pixels(difference.square(), weight, area)
    raise InputError(f"kind={kind!r} is not a matting loss: use iou, l1 or l2.")


def background_loss(
    rendered: Layers | Exposure, background: Float[Tensor, "*B 3 H W"], epsilon: float = 0.1
) -> Float[Tensor, "*B"]:
    """How much the person looks like the background behind it: L_B, eq. (9).

    Not as the paper writes it, see `background_norm_loss`: pixel by pixel, the mean over the
    silhouettes, which get no gradient from it. Its epsilon of 1e-6 would let one matching pixel
    outweigh the image by a factor of a million; it is a colour difference here, below which two
    colours count as alike.

    Args:
        rendered: what the renderer returned. Of an `Exposure` only the mean colour over the
            sub-frames is known and stands for each of them.
        background: the static scene, same colour space.
        epsilon: colour difference, mean absolute over RGB in [0, 1]; the loss is at most 1/epsilon.

    Returns:
        One value a sample, 0 where the silhouettes are empty.
    """
    alpha = rendered.alpha.detach()
    axes: tuple[int, ...] = (-3, -2, -1)
    if isinstance(rendered, Layers):
        behind = background.unsqueeze(-4)
        distance = (behind - rendered.rgb).abs().mean(-3, keepdim=True)
        cost = alpha / (distance + epsilon)
        axes = (-4, *axes)
    else:
        # alpha / (|B - rgb/alpha| + eps), without dividing by a small alpha.
        distance = (alpha * background - rendered.rgb).abs().mean(-3, keepdim=True)
        tiny = torch.finfo(alpha.dtype).tiny
        cost = alpha * alpha / (distance + epsilon * alpha + tiny)
    return cost.sum(axes) / alpha.sum(axes).clamp(min=_EMPTY_MATTE)


def background_norm_loss(
    layers: Layers, background: Float[Tensor, "*B 3 H W"], epsilon: float = 1e-6
) -> Float[Tensor, "*B"]:
    """How much the rendered images look like the background: L_B, eq. (9) as it is written.

    [paper variant] The formula has no sum over pixels, so that |B - R_F| is taken to be one number
    a sub-frame, the mean absolute difference over the image; where nothing is drawn R_F is black.

    Args:
        layers: what the renderer returned.
        background: the static scene, same colour space.
        epsilon: keeps two images that are alike finite.

    Returns:
        One value a sample.
    """
    difference = (background.unsqueeze(-4) - layers.rgb).abs().mean((-3, -2, -1))
    return (1.0 / (difference + epsilon)).mean(-1)


def _mean_over_pixels(
    values: Float[Tensor, "*B C H W"],
    weight: Float[Tensor, "*B 1 H W"] | None,
    area: Float[Tensor, "*B"] | None,
) -> Float[Tensor, "*B"]:
    """Mean over channels and pixels, or over channels and `area` pixels."""
    if weight is not None:
        values = values * weight
    if area is None:
        return values.mean((-3, -2, -1))
    # A matte below one pixel is no person; the floor keeps the value finite.
    return values.mean(-3).sum((-2, -1)) / area.clamp(min=1.0)
