"""Where the vertices fall on the image and which face each pixel sees, vectorised.

All positions are in *grid* coordinates: pixel (column i, row j) of the image has its centre at
(i + 1, j + 1), so the grid has one more ring of pixels than the image. The ring lets a silhouette
that leaves the image do so without a seam.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hfb.render.scene import Scene
from hfb.render.settings import MAX_GRID_PX, NEAR_PLANE_M

MIN_AREA_PX = 1e-8
"""Twice the area below which a projected face is a line and is not drawn, px²."""

INSIDE_TOLERANCE = 1e-5
"""Rounding allowed to barycentric coordinates, so that no pixel falls between two faces."""


def project_to_grid(
    scene: Scene,
) -> tuple[Float[Tensor, "M V 3"], Bool[Tensor, "M V"]]:
    """Project the vertices of all M = S·N sub-frames.

    Args:
        scene: the checked scene.

    Returns:
        Grid x and y in px and inverse depth in 1/m (differentiable; zeros where the vertex cannot
        be drawn), and which vertices can be drawn: finite, beyond the near plane, and not so far
        outside the image that float32 loses the pixel.
    """
    num_samples, num_frames, num_verts, _ = scene.verts.shape
    verts = scene.verts.reshape(num_samples * num_frames, num_verts, 3)
    intrinsics = scene.intrinsics.repeat_interleave(num_frames, dim=0)[:, None]
    focal, centre = intrinsics[..., :2], intrinsics[..., 2:] + 0.5
    with torch.no_grad():
        in_front = torch.isfinite(verts).all(-1) & (verts[..., 2] >= NEAR_PLANE_M)
        depth = torch.where(in_front, verts[..., 2], 1.0)[..., None]
        xy = torch.where(in_front[..., None], verts[..., :2], 0.0)
        within_reach = ((focal * xy / depth + centre).abs() < MAX_GRID_PX).all(-1)
        drawable = in_front & within_reach
    # Undrawable vertices are replaced before the division, so that no NaN enters the gradient.
    verts = torch.where(drawable[..., None], verts, verts.new_tensor([0.0, 0.0, 1.0]))
    inverse_depth = 1.0 / verts[..., 2:]
    grid = focal * verts[..., :2] * inverse_depth + centre
    screen = torch.cat([grid, inverse_depth], dim=-1)
    return torch.where(drawable[..., None], screen, 0.0), drawable


@torch.no_grad()
def classify_faces(
    screen: Float[Tensor, "M V 3"], drawable: Bool[Tensor, "M V"], faces: Int[Tensor, "F 3"]
) -> tuple[Bool[Tensor, "M F"], Bool[Tensor, "M F"]]:
    """Which faces show their outside to the camera, and which can be drawn at all.

    Counter-clockwise seen from the camera is clockwise in coordinates with y down, hence the sign.
    """
    first, second, third = (screen[..., :2][:, faces[:, i]] for i in range(3))
    is_drawable = drawable[:, faces].all(-1)
    return is_drawable & (_cross(second - first, third - first) < -MIN_AREA_PX), is_drawable


@torch.no_grad()
def find_visible_faces(
    screen: Float[Tensor, "M V 3"],
    is_front: Bool[Tensor, "M F"],
    faces: Int[Tensor, "F 3"],
    height: int,
    width: int,
) -> tuple[Int[Tensor, "M GH GW"], Float[Tensor, "M GH GW"]]:
    """The nearest front face at each pixel centre of the grid, -1 where there is none.

    Depth and face number are packed into one 64-bit word, whose maximum is the nearest face: the
    bits of positive floats are in order of their value. Equal depths go to the later face here.

    Returns:
        Faces, and their inverse depths at the pixel centres (0 where there is none; float32
        precision, in the dtype of `screen`).
    """
    num_frames = len(screen)
    grid_height, grid_width = height + 2, width + 2
    frame, face = is_front.nonzero(as_tuple=True)
    corners = screen[frame[:, None], faces[face]]
    owner, x, y = expand_boxes(
        corners[..., :2].amin(1).ceil(), corners[..., :2].amax(1).floor(), grid_height, grid_width
    )
    weights = barycentric_weights(corners[owner], x, y)
    inside = (weights >= -INSIDE_TOLERANCE).all(-1).nonzero()[:, 0]
    owner, weights = owner[inside], weights[inside]
    inverse_depth = (weights * corners[owner][..., 2]).sum(-1).clamp_min(0.0)
    pixel = (frame[owner] * grid_height + y[inside]) * grid_width + x[inside]
    nearest = torch.zeros(
        num_frames * grid_height * grid_width, dtype=torch.int64, device=screen.device
    )
    nearest.scatter_reduce_(0, pixel, pack_key(inverse_depth, face[owner] + 1), "amax")
    grid = (num_frames, grid_height, grid_width)
    depth = (nearest >> 32).to(torch.int32).view(torch.float32).to(screen.dtype)
    return ((nearest & 0xFFFFFFFF) - 1).reshape(grid), depth.reshape(grid)


def pack_key(value: Float[Tensor, " K"], index: Int[Tensor, " K"]) -> Int[Tensor, " K"]:
    """A non-negative float and an index in one integer that sorts by the float first."""
    return (value.to(torch.float32).view(torch.int32).to(torch.int64) << 32) | index


def expand_boxes(
    low: Float[Tensor, "K 2"], high: Float[Tensor, "K 2"], grid_height: int, grid_width: int
) -> tuple[Int[Tensor, " P"], Int[Tensor, " P"], Int[Tensor, " P"]]:
    """All pixels of some boxes, cut at the grid.

    Args:
        low: smallest column and row of each box.
        high: largest column and row of each box, inclusive.
        grid_height: rows of the grid.
        grid_width: columns of the grid.

    Returns:
        For each pixel the box it belongs to, its column and its row, in order of the boxes.
    """
    limit = low.new_tensor([grid_width - 1, grid_height - 1])
    low = low.clamp_min(0.0)
    size = (torch.minimum(high, limit) - low + 1).clamp_min(0.0).to(torch.int64)
    start = low.to(torch.int64)
    count = size[:, 0] * size[:, 1]
    owner = torch.repeat_interleave(count)
    offset = torch.arange(len(owner), device=low.device) - (count.cumsum(0) - count)[owner]
    columns = size[:, 0][owner]
    row = torch.div(offset, columns, rounding_mode="floor")
    return owner, start[:, 0][owner] + offset - row * columns, start[:, 1][owner] + row


def barycentric_weights(
    corners: Float[Tensor, "K 3 3"], x: Int[Tensor, " K"], y: Int[Tensor, " K"]
) -> Float[Tensor, "K 3"]:
    """Barycentric coordinates of pixel centres on the image (affine, they sum to 1)."""
    point = torch.stack([x, y], dim=-1).to(corners.dtype)
    first, second, third = (corners[..., :2] - point[:, None]).unbind(1)
    areas = torch.stack([_cross(second, third), _cross(third, first), _cross(first, second)], -1)
    return areas / areas.sum(-1, keepdim=True)


def _cross(left: Tensor, right: Tensor) -> Tensor:
    return left[..., 0] * right[..., 1] - left[..., 1] * right[..., 0]
