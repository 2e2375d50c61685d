"""Terms of Shape from Blur and Motion from Blur; each returns one unweighted value a sample."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

_EMPTY = 1e-6
_ROI_FLOOR = 0.01
"""Both methods divide by the pixels of the region plus this, so that an empty one gives 0."""


def mesh_edges(faces: Int[Tensor, "F 3"]) -> Int[Tensor, "E 2"]:
    """Each edge of a mesh once in both directions: (from, to) and (to, from)."""
    pairs = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    return torch.unique(torch.cat([pairs, pairs.flip(1)]), dim=0)


def laplacian_loss(
    verts: Float[Tensor, "*B V 3"], edges: Int[Tensor, "E 2"]
) -> Float[Tensor, "*B"]:
    """Mean square of each coordinate's distance to the mean of the neighbours.

    Not in Human from Blur: Shape from Blur keeps its vertex offsets smooth with it. The matrix is
    the uniform graph Laplacian, 1 on the diagonal and -1/degree at the neighbours.

    Args:
        verts: any unit.
        edges: from `mesh_edges`.
    """
    start, end = edges[:, 0], edges[:, 1]
    degree = torch.bincount(start, minlength=verts.shape[-2]).to(verts)
    sums = torch.zeros_like(verts).index_add(-2, start, verts.index_select(-2, end))
    return (verts - sums / degree[:, None]).square().mean((-2, -1))


def texture_variation_loss(
    texture: Float[Tensor, "*B 3 TH TW"], wraps: bool = False
) -> Float[Tensor, "*B"]:
    """Sum of absolute differences of neighbouring texels over the number of values.

    Args:
        texture: any values.
        wraps: also compare the last row and column with the first, as Motion from Blur does by
            padding the texture by one row and column; then these count among the values.
    """
    if wraps:
        texture = torch.cat([texture, texture[..., :1, :]], -2)
        texture = torch.cat([texture, texture[..., :1]], -1)
    channels, rows, columns = texture.shape[-3:]
    across = texture.diff(dim=-1).abs().sum((-3, -2, -1))
    down = texture.diff(dim=-2).abs().sum((-3, -2, -1))
    return (across + down) / (channels * rows * columns)


def region_image_loss(
    preds: Float[Tensor, "*B 3 H W"],
    target: Float[Tensor, "*T 3 H W"],
    region: Bool[Tensor, "*R 1 H W"],
) -> Float[Tensor, "*B"]:
    """Absolute difference, summed over RGB, mean over the region's pixels.

    Args:
        preds: the blurry image predicted.
        target: the blurry image observed, same colour space.
        region: where the object is seen at all.
    """
    difference = ((preds - target).abs() * region).sum((-3, -2, -1))
    return difference / (region.sum((-3, -2, -1)) + _ROI_FLOOR)


def subframe_silhouette_loss(
    alpha: Float[Tensor, "*B N 1 H W"], masks: Float[Tensor, "*T N 1 H W"]
) -> Float[Tensor, "*B"]:
    """One minus the mean over sub-frames of the soft intersection over union.

    Args:
        alpha: rendered silhouette of each sub-frame, in [0, 1].
        masks: given silhouette of each sub-frame, in [0, 1].
    """
    product = alpha * masks
    union = (alpha + masks - product).sum((-3, -2, -1))
    overlap = (product.sum((-3, -2, -1)) + _EMPTY) / (union + _EMPTY)
    return 1.0 - overlap.mean(-1)
