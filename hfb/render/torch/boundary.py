"""How much of each boundary pixel lies on the near side of its edge (`coverage`).

Two crossings, of the pixel's row and of its column, say where the edge is: the line through both is
at some distance from the pixel's centre. The *share* of the near side is ½ minus that distance
where the centre lies beyond the edge, else ½ plus the distance, between 0 and 1. On the outline the
share is the silhouette; at an inner edge, where one part of the body ends before another, the
silhouette is 1 and the colours of both sides are mixed. The near side's colour is that of the face
seen at the centre or, where that lies beyond the edge, that of the crossing on the edge; the far
side's is that of the face seen beyond.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hfb.render.torch.crossings import Crossings, step_to_near

_NONE = 9.0
_TINY = 1e-12


@dataclass(frozen=True)
class BoundaryPixels:
    """Pixels that an edge passes within half a pixel of.

    Attributes:
        pixel: flat index into the (M, H+2, W+2) grid.
        first: the nearer crossing.
        second: the other crossing, -1 for none.
        is_beyond: whether the centre lies beyond the edge.
        back_pixel: flat index of the pixel whose face is seen beyond the edge, -1 for none.
    """

    pixel: Int[Tensor, " K"]
    first: Int[Tensor, " K"]
    second: Int[Tensor, " K"]
    is_beyond: Bool[Tensor, " K"]
    back_pixel: Int[Tensor, " K"]


@torch.no_grad()
def find_boundary(crossings: Crossings, face_id: Int[Tensor, "M GH GW"]) -> BoundaryPixels:
    """The pixels that the crossings soften.

    A covered pixel belongs to the outline if that is near, else to the nearest inner edge.
    """
    grid_width = face_id.shape[2]
    is_touched = torch.zeros(face_id.numel(), dtype=torch.bool, device=face_id.device)
    is_touched[crossings.far_pixel] = True
    is_touched[crossings.far_pixel + step_to_near(crossings.direction, grid_width)] = True
    is_touched = is_touched.reshape(face_id.shape)
    inner = torch.zeros_like(is_touched)
    inner[:, 1:-1, 1:-1] = True
    pixel = (is_touched & inner).reshape(-1).nonzero()[:, 0]
    beyond_slots = crossings.slot[pixel]
    directions = torch.arange(4, device=pixel.device)
    before_slots = crossings.slot[pixel[:, None] - step_to_near(directions, grid_width), directions]
    offset = crossings.offset.detach()
    beyond = _nearest(beyond_slots, offset)
    outline = _nearest(before_slots, torch.where(crossings.is_outline, 1 - offset, _NONE))
    inside = _nearest(before_slots, torch.where(crossings.is_inner, 1 - offset, _NONE))
    is_covered = face_id.reshape(-1)[pixel] >= 0
    on_outline = is_covered & (outline[0] < 0.5)
    is_beyond = ~is_covered | (~on_outline & (beyond[0] < inside[0]))
    distance, first, second = (
        torch.where(is_beyond, a, torch.where(on_outline, b, c))
        for a, b, c in zip(beyond, outline, inside, strict=True)
    )
    back_pixel = torch.where(is_beyond, pixel, _pad(crossings.far_pixel, 0)[first])
    back_pixel = torch.where(is_covered & ~on_outline, back_pixel, -1)
    near = (distance < 0.5).nonzero()[:, 0]
    return BoundaryPixels(pixel[near], first[near], second[near], is_beyond[near], back_pixel[near])


def measure_shares(pixels: BoundaryPixels, crossings: Crossings) -> Float[Tensor, " K"]:
    """How much of each pixel lies on the near side of its edge; differentiable."""
    x, y = (
        torch.where(pixels.is_beyond, offset, 1 - offset)
        for offset in (_pad(crossings.offset, 0.0)[slot] for slot in (pixels.first, pixels.second))
    )
    both = x * y * (x * x + y * y + _TINY).rsqrt()
    distance = torch.where(pixels.second >= 0, both, x)
    return torch.where(pixels.is_beyond, 0.5 - distance, 0.5 + distance)


def _nearest(slots: Tensor, distance: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Distance from the line through the nearest crossings of row and column; the nearer first."""
    distances = _pad(distance, _NONE)[slots]
    slots = torch.where(distances < _NONE, slots, -1)
    pick = torch.stack([distances[:, 1] < distances[:, 0], distances[:, 3] < distances[:, 2]], 1)
    pick = pick + pick.new_tensor([0, 2], dtype=torch.int64)
    (x, y), (x_slot, y_slot) = distances.gather(1, pick).unbind(1), slots.gather(1, pick).unbind(1)
    both = x * y * (x * x + y * y + _TINY).rsqrt()
    line = torch.where((x < _NONE) & (y < _NONE), both, torch.minimum(x, y))
    is_swapped = y < x
    return line, torch.where(is_swapped, y_slot, x_slot), torch.where(is_swapped, x_slot, y_slot)


def _pad(values: Tensor, value: float | int) -> Tensor:
    """With one entry more, which index -1 finds."""
    return torch.cat([values, values.new_full((1,), value)])
