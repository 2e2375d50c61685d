"""The `contour` and `dibr` silhouettes, vectorised and differentiable."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hfb.render.settings import CONTOUR_CUTOFF_SIGMAS, RenderSettings
from hfb.render.topology import Topology
from hfb.render.torch.crossings import EMPTY_KEY, edge_ends, find_silhouette_edges
from hfb.render.torch.visibility import expand_boxes, pack_key

_MIN_TRANSPARENCY = 1e-12
DIVISION_GUARD = 1e-7
"""DIB-R's guard against p = 1 in the derivative p / (1 - p + guard) of log(1 - p)."""


@dataclass(frozen=True)
class EdgePixels:
    """Uncovered pixels near the silhouette and the silhouette edge nearest to each.

    Attributes:
        pixel: flat index into the (M, H+2, W+2) grid.
        frame: sub-frame of each pixel.
        x: grid column.
        y: grid row.
        half_edge: the half-edge (3 f + i) of the front face f at the silhouette.
    """

    pixel: Int[Tensor, " K"]
    frame: Int[Tensor, " K"]
    x: Int[Tensor, " K"]
    y: Int[Tensor, " K"]
    half_edge: Int[Tensor, " K"]


def closest_on_edge(
    point: Float[Tensor, "K 2"], start: Float[Tensor, "K 2"], end: Float[Tensor, "K 2"]
) -> tuple[Float[Tensor, " K"], Float[Tensor, "K 2"]]:
    """The point of an edge nearest to a point.

    Returns:
        Where it lies, 0 at the start and 1 at the end, and the vector from it to the point. At the
        end the vector is measured from the end itself, so that two edges that meet there are
        exactly equally far and the choice between them does not depend on rounding. Between the
        ends it is a multiple of the edge's normal: its direction stays right on edges much longer
        than the distance.
    """
    edge, offset = end - start, point - start
    length2 = (edge * edge).sum(-1) + 1e-12
    along = ((offset * edge).sum(-1) / length2).clamp(0.0, 1.0)
    across = (edge[:, 0] * offset[:, 1] - edge[:, 1] * offset[:, 0]) / length2
    reach = across[:, None] * torch.stack([-edge[:, 1], edge[:, 0]], -1)
    reach = torch.where((along <= 0.0)[:, None], offset, reach)
    return along, torch.where((along >= 1.0)[:, None], point - end, reach)


@torch.no_grad()
def find_edge_pixels(
    screen: Float[Tensor, "M V 3"],
    is_front: Bool[Tensor, "M F"],
    face_id: Int[Tensor, "M GH GW"],
    topology: Topology,
    settings: RenderSettings,
) -> EdgePixels:
    """The nearest silhouette edge of each uncovered pixel that the `contour` tail reaches.

    A silhouette edge joins a front face to a back face or to none.
    """
    radius = CONTOUR_CUTOFF_SIGMAS * settings.contour_sigma_px
    grid_height, grid_width = face_id.shape[1:]
    frame, half_edge = find_silhouette_edges(is_front, topology)
    start, end = (e[:, :2] for e in edge_ends(screen, topology.faces, frame, half_edge))
    owner, x, y = expand_boxes(
        (torch.minimum(start, end) - radius).ceil(),
        (torch.maximum(start, end) + radius).floor(),
        grid_height,
        grid_width,
    )
    point = torch.stack([x, y], dim=-1).to(screen.dtype)
    _, reach = closest_on_edge(point, start[owner], end[owner])
    distance2 = (reach * reach).sum(-1)
    in_image = (x >= 1) & (x <= grid_width - 2) & (y >= 1) & (y <= grid_height - 2)
    near = (in_image & (distance2 < radius * radius)).nonzero()[:, 0]
    owner, x, y, distance2 = owner[near], x[near], y[near], distance2[near]
    chosen = (face_id[frame[owner], y, x] < 0).nonzero()[:, 0]
    owner, x, y = owner[chosen], x[chosen], y[chosen]
    pixel = (frame[owner] * grid_height + y) * grid_width + x
    nearest = torch.full((face_id.numel(),), EMPTY_KEY, device=screen.device)
    nearest.scatter_reduce_(0, pixel, pack_key(distance2[chosen], owner), "amin")
    pixel = (nearest < EMPTY_KEY).nonzero()[:, 0]
    owner = nearest[pixel] & 0xFFFFFFFF
    in_frame = pixel % (grid_height * grid_width)
    return EdgePixels(
        pixel=pixel,
        frame=frame[owner],
        x=in_frame % grid_width,
        y=torch.div(in_frame, grid_width, rounding_mode="floor"),
        half_edge=half_edge[owner],
    )


def contour_alpha(
    screen: Float[Tensor, "M V 3"],
    faces: Int[Tensor, "F 3"],
    pixels: EdgePixels,
    settings: RenderSettings,
) -> Float[Tensor, " K"]:
    """The `contour` silhouette at pixels near the silhouette edges; differentiable in `screen`."""
    start, end = edge_ends(screen, faces, pixels.frame, pixels.half_edge)
    point = torch.stack([pixels.x, pixels.y], dim=-1).to(screen.dtype)
    _, reach = closest_on_edge(point, start[:, :2], end[:, :2])
    return torch.exp(-0.5 * (reach * reach).sum(-1) / settings.contour_sigma_px**2)


def dibr_alpha(
    screen: Float[Tensor, "M V 3"],
    is_drawable: Bool[Tensor, "M F"],
    face_id: Int[Tensor, "M GH GW"],
    faces: Int[Tensor, "F 3"],
    settings: RenderSettings,
) -> tuple[Float[Tensor, "M GH GW"], Bool[Tensor, "M GH GW"]]:
    """DIB-R's mask: 1 - prod(1 - exp(-sigmainv d²)) over the first `knum` faces near a pixel.

    All faces count, also back faces; d is the distance to the face's outline in NDC.

    Returns:
        The mask, 1 where a face covers the pixel, and which uncovered pixels have a face in reach.
    """
    grid_height, grid_width = face_id.shape[1:]
    scale = screen.new_tensor([2.0 / (grid_width - 2), 2.0 / (grid_height - 2)])
    log_transparency = screen.new_zeros(face_id.numel())
    is_soft = torch.zeros_like(face_id, dtype=torch.bool).reshape(-1)
    for index in range(len(screen)):  # one by one: the candidate lists are long
        pixel, face, half_edge = _dibr_candidates(
            screen[index].detach(), is_drawable[index], face_id[index], faces, scale, settings
        )
        frame = torch.full_like(face, index)
        start, end = edge_ends(screen, faces, frame, half_edge)
        x, y = pixel % grid_width, torch.div(pixel, grid_width, rounding_mode="floor")
        point = torch.stack([x, y], -1).to(screen.dtype)
        _, reach = closest_on_edge(point * scale, start[:, :2] * scale, end[:, :2] * scale)
        rest = -torch.expm1(-settings.sigmainv * (reach * reach).sum(-1))  # 1 - p, all its digits
        pixel = pixel + index * grid_height * grid_width
        log_transparency = log_transparency.index_add(0, pixel, _guarded_log(rest))
        is_soft[pixel] = True
    alpha = 1.0 - torch.exp(log_transparency.reshape(face_id.shape))
    return torch.where(face_id >= 0, 1.0, alpha), is_soft.reshape(face_id.shape)


def _guarded_log(rest: Float[Tensor, " K"]) -> Float[Tensor, " K"]:
    """log(1 - p) with the guarded derivative; the guard does not enter the value."""
    guarded = torch.log(rest + DIVISION_GUARD)
    exact = torch.log(rest.detach().clamp_min(_MIN_TRANSPARENCY))
    return guarded + (exact - guarded.detach())


@torch.no_grad()
def _dibr_candidates(
    screen: Tensor,
    is_drawable: Tensor,
    face_id: Tensor,
    faces: Tensor,
    scale: Tensor,
    settings: RenderSettings,
) -> tuple[Tensor, Tensor, Tensor]:
    """Pixels, faces and nearest half-edges that enter one sub-frame's mask."""
    grid_height, grid_width = face_id.shape
    face = is_drawable.nonzero()[:, 0]
    corners = screen[faces[face]][..., :2]
    margin = settings.boxlen / scale
    owner, x, y = expand_boxes(
        (corners.amin(1) - margin).ceil(), (corners.amax(1) + margin).floor(),
        grid_height, grid_width,
    )  # fmt: skip
    in_image = (x >= 1) & (x <= grid_width - 2) & (y >= 1) & (y <= grid_height - 2)
    open_pair = (in_image & (face_id[y, x] < 0)).nonzero()[:, 0]
    owner, pixel = owner[open_pair], y[open_pair] * grid_width + x[open_pair]
    pixel, order = torch.sort(pixel, stable=True)  # stable: faces stay in order of index
    position = torch.arange(len(pixel), device=pixel.device)
    is_first = torch.ones_like(pixel, dtype=torch.bool)
    is_first[1:] = pixel[1:] != pixel[:-1]
    rank = position - torch.where(is_first, position, 0).cummax(0).values
    kept = rank < settings.knum
    pixel, owner = pixel[kept], owner[order][kept]
    x, y = pixel % grid_width, torch.div(pixel, grid_width, rounding_mode="floor")
    point = torch.stack([x, y], -1).to(screen.dtype) * scale
    triangle = corners[owner] * scale
    reaches = [
        closest_on_edge(point, triangle[:, i], triangle[:, (i + 1) % 3])[1] for i in range(3)
    ]
    corner = torch.stack([(r * r).sum(-1) for r in reaches], -1).argmin(-1)
    return pixel, face[owner], face[owner] * 3 + corner
