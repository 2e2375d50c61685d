"""Where silhouette edges cross the lines between pixel centres (`coverage`).

A silhouette edge joins a front face to a back face or to none. Between two neighbouring pixel
centres, one seeing the surface that ends at the edge (*near*) and one that lies beyond it (*far*),
it crosses their line at some *offset* from the far one, 0 to 1. Edges that lie inside what the far
pixel sees do not count, and of several the nearest to the far pixel does: the one that nothing
hides. This makes the silhouette continuous. (The nearest edge to a pixel is not always seen: a
mesh has many small folds just inside of its outline, which come and go as it moves.)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hfb.render.settings import OCCLUSION_STEP_PX
from hfb.render.topology import Topology
from hfb.render.torch.visibility import pack_key

EMPTY_KEY = 2**63 - 1
RIGHT, LEFT, BELOW, ABOVE = 0, 1, 2, 3
"""Where the near pixel lies, seen from the far one."""


@dataclass(frozen=True)
class Crossings:
    """The visible crossings, and the table in which they are found.

    Attributes:
        slot: entry of each far pixel of the (M, H+2, W+2) grid and direction; -1 for none.
        far_pixel: flat index into the grid.
        direction: of the near pixel.
        frame: sub-frame.
        half_edge: the half-edge (3 f + i) of the front face f that ends there.
        along: where on the edge, 0 at its start and 1 at its end; differentiable.
        offset: from the far pixel, px; differentiable.
        is_outline: nothing is seen beyond, and the near pixel is covered.
        is_inner: another surface is seen beyond, and the near pixel sees the one that ends.
    """

    slot: Int[Tensor, "P 4"]
    far_pixel: Int[Tensor, " C"]
    direction: Int[Tensor, " C"]
    frame: Int[Tensor, " C"]
    half_edge: Int[Tensor, " C"]
    along: Float[Tensor, " C"]
    offset: Float[Tensor, " C"]
    is_outline: Bool[Tensor, " C"]
    is_inner: Bool[Tensor, " C"]


def step_to_near(direction: Int[Tensor, " C"], grid_width: int) -> Int[Tensor, " C"]:
    """From the flat index of a far pixel to that of the near one."""
    return direction.new_tensor([1, -1, grid_width, -grid_width])[direction]


def edge_ends(
    screen: Float[Tensor, "M V 3"],
    faces: Int[Tensor, "F 3"],
    frame: Int[Tensor, " K"],
    half_edge: Int[Tensor, " K"],
) -> tuple[Float[Tensor, "K 3"], Float[Tensor, "K 3"]]:
    """Grid position and inverse depth of both ends of half-edges."""
    face, corner = torch.div(half_edge, 3, rounding_mode="floor"), half_edge % 3
    return (
        screen[frame, faces[face, corner]],
        screen[frame, faces[face, (corner + 1) % 3]],
    )


@torch.no_grad()
def find_silhouette_edges(
    is_front: Bool[Tensor, "M F"], topology: Topology
) -> tuple[Int[Tensor, " E"], Int[Tensor, " E"]]:
    """Sub-frame and front half-edge of each silhouette edge."""
    halves = topology.edge_halves
    has_front = torch.cat([is_front, is_front.new_zeros(len(is_front), 1)], dim=1)
    sides = has_front[:, torch.div(halves, 3, rounding_mode="floor")]
    frame, edge = (sides[..., 0] != sides[..., 1]).nonzero(as_tuple=True)
    return frame, torch.where(sides[frame, edge, 0], halves[edge, 0], halves[edge, 1])


def find_crossings(
    screen: Float[Tensor, "M V 3"],
    is_front: Bool[Tensor, "M F"],
    depth: Float[Tensor, "M GH GW"],
    focal: Float[Tensor, " M"],
    topology: Topology,
) -> Crossings:
    """The crossings of each sub-frame.

    Args:
        screen: grid positions and inverse depths, differentiable.
        is_front: which faces show their outside.
        depth: inverse depth of what each pixel sees, 0 for nothing.
        focal: px.
        topology: of the mesh.
    """
    frame, half_edge = find_silhouette_edges(is_front, topology)
    with torch.no_grad():
        ends = edge_ends(screen, topology.faces, frame, half_edge)
        # Half the distance to the camera is a step whatever the focal length.
        nearness = 1.0 - (OCCLUSION_STEP_PX / focal.abs()).clamp_max(0.5)
        rows = _cross_lines(*ends, nearness[frame], frame, depth, axis=1)
        columns = _cross_lines(*ends, nearness[frame], frame, depth, axis=0)
        owner, far, direction, offset, limit = (
            torch.cat(pair) for pair in zip(rows, columns, strict=True)
        )
        flat_depth = depth.reshape(-1)
        nearest = torch.full((4 * depth.numel(),), EMPTY_KEY, device=depth.device)
        order = torch.arange(len(owner), device=depth.device)
        nearest.scatter_reduce_(0, 4 * far + direction, pack_key(offset, order), "amin")
        key = (nearest < EMPTY_KEY).nonzero()[:, 0]
        chosen = nearest[key] & 0xFFFFFFFF
        slot = torch.full_like(nearest, -1)
        slot[key] = torch.arange(len(key), device=depth.device)
        owner, far, direction, limit = (x[chosen] for x in (owner, far, direction, limit))
        near_depth = flat_depth[far + step_to_near(direction, depth.shape[2])]
        sees_nothing = flat_depth[far] == 0
    along, offset = measure_crossings(
        *edge_ends(screen, topology.faces, frame[owner], half_edge[owner]),
        far % (depth.shape[1] * depth.shape[2]), direction, depth.shape[2],
    )  # fmt: skip
    return Crossings(
        slot=slot.reshape(-1, 4),
        far_pixel=far,
        direction=direction,
        frame=frame[owner],
        half_edge=half_edge[owner],
        along=along,
        offset=offset,
        is_outline=sees_nothing & (near_depth > 0),
        is_inner=~sees_nothing & (near_depth >= limit),
    )


def measure_crossings(
    start: Float[Tensor, "C 3"],
    end: Float[Tensor, "C 3"],
    far: Int[Tensor, " C"],
    direction: Int[Tensor, " C"],
    grid_width: int,
) -> tuple[Float[Tensor, " C"], Float[Tensor, " C"]]:
    """Where on their edges crossings are, and how far from their far pixels; differentiable."""
    row = torch.div(far, grid_width, rounding_mode="floor")
    place = torch.stack([far % grid_width, row], -1).to(start.dtype)
    is_row = direction < BELOW
    across = torch.where(is_row, 1, 0)[:, None]  # the coordinate that is fixed on the line
    first, last = start.gather(1, across)[:, 0], end.gather(1, across)[:, 0]
    along = (place.gather(1, across)[:, 0] - first) / (last - first)
    point = start[:, :2] + along[:, None] * (end - start)[:, :2]
    distance = (point - place).gather(1, 1 - across)[:, 0]
    return along, torch.where(direction % 2 == 1, -distance, distance)


def _cross_lines(
    start: Tensor, end: Tensor, nearness: Tensor, frame: Tensor, depth: Tensor, axis: int
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """All crossings with the image's rows (axis 1) or columns (axis 0) that nothing hides.

    Of two edges that meet on a line, one holds it: it goes from its lower end on and to before its
    upper end.

    Returns:
        Number of the edge, far pixel, direction, offset, and the inverse depth of the edge there
        less a step.
    """
    grid = (depth.shape[2], depth.shape[1])
    size, other_size = grid[axis], grid[1 - axis]
    low = torch.minimum(start, end)[:, axis].clamp(1, size - 1).ceil().to(torch.int64)
    high = torch.maximum(start, end)[:, axis].clamp(1, size - 1).ceil().to(torch.int64)
    count = high - low
    owner = torch.repeat_interleave(count)
    line = low[owner] + torch.arange(len(owner), device=low.device)
    line = line - (count.cumsum(0) - count)[owner]
    a, step = start[owner], (end - start)[owner]
    along = (line.to(a.dtype) - a[:, axis]) / step[:, axis]
    place = a[:, 1 - axis] + along * step[:, 1 - axis]
    limit = nearness[owner] * (a[:, 2] + along * step[:, 2])
    # The outside of a front face's edge (x, y) is (-y, x) with y down.
    is_first_far = step[:, 1] > 0 if axis == 1 else step[:, 0] < 0
    # An edge through a pixel centre covers that: it is the near one.
    first = torch.where(is_first_far, place.ceil() - 1, place.floor())
    is_within = (first >= 0) & (first <= other_size - 2)
    first = torch.where(is_within, first, 0)
    share = place - first
    stride, line_stride = (1, grid[0]) if axis == 1 else (grid[0], 1)
    pixel = frame[owner] * grid[0] * grid[1] + line * line_stride + first.to(torch.int64) * stride
    far = torch.where(is_first_far, pixel, pixel + stride)
    direction = (0 if axis == 1 else 2) + torch.where(is_first_far, 0, 1)
    offset = torch.where(is_first_far, share, 1 - share)
    is_seen = is_within & (depth.reshape(-1)[far] < limit)
    kept = is_seen.nonzero()[:, 0]
    return tuple(x[kept] for x in (owner, far, direction, offset, limit))  # type: ignore[return-value]
