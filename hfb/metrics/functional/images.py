"""Metrics of images: one value a sample."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hfb.errors import InputError
from hfb.formation import srgb_to_linear
from hfb.metrics.functional.checks import check_shapes


def silhouette_iou(
    preds: Bool[Tensor, "*B S H W"], target: Bool[Tensor, "*T S H W"]
) -> Float[Tensor, "*B"]:
    """Intersection over union of silhouettes, mean over the sub-frames.

    Args:
        preds: hard silhouettes.
        target: true silhouettes at the same times.

    Returns:
        One value a sample in [0, 1]. A sub-frame with two empty silhouettes counts as 1.

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> import torch
        >>> silhouette_iou(torch.tensor([[[True, True]]]), torch.tensor([[[True, False]]]))
        tensor(0.5000)
    """
    check_shapes(preds, target, "silhouettes")
    intersection = (preds & target).sum((-2, -1))
    union = (preds | target).sum((-2, -1))
    return torch.where(union > 0, intersection / union.clamp(min=1), 1.0).mean(-1)


def reblur_psnr(
    preds: Float[Tensor, "*B 3 H W"],
    target: Float[Tensor, "*T 3 H W"],
    box: tuple[int, int, int, int] | None = None,
    colour: str = "srgb",
) -> Float[Tensor, "*B"]:
    """Peak signal-to-noise ratio in dB, in linear light, of an image blurred again.

    Args:
        preds: predicted blurry image in [0, 1].
        target: observed blurry image in [0, 1].
        box: top, bottom, left, right in pixels, end exclusive; the whole image if None.
        colour: what the values are, "srgb" (decoded here) or "linear".

    Returns:
        One value a sample, dB; infinite for equal images.

    Raises:
        ShapeError: if the shapes differ.
        InputError: if the box is empty or the colour space not known.

    Example:
        >>> import torch
        >>> reblur_psnr(torch.full((3, 2, 2), 0.6), torch.full((3, 2, 2), 0.5), colour="linear")
        tensor(20.0000)
    """
    check_shapes(preds, target, "images")
    if colour not in ("srgb", "linear"):
        raise InputError(f"colour={colour!r}: must be srgb or linear.")
    if box is not None:
        top, bottom, left, right = box
        preds, target = preds[..., top:bottom, left:right], target[..., top:bottom, left:right]
    if preds.numel() == 0:
        raise InputError(f"box={box} holds no pixel of the image: give top < bottom, left < right.")
    if colour == "srgb":
        preds, target = srgb_to_linear(preds), srgb_to_linear(target)
    return -10.0 * torch.log10((preds - target).square().mean((-3, -2, -1)))
