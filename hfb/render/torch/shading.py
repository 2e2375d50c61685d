"""Texture coordinates and colours at pixels, vectorised and differentiable."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hfb.render.settings import RenderSettings
from hfb.render.topology import Topology
from hfb.render.torch.crossings import edge_ends
from hfb.render.torch.visibility import barycentric_weights

_MIN_INVERSE_DEPTH = 1e-12


def face_uv(
    screen: Float[Tensor, "M V 3"],
    topology: Topology,
    frame: Int[Tensor, " K"],
    face: Int[Tensor, " K"],
    x: Int[Tensor, " K"],
    y: Int[Tensor, " K"],
    settings: RenderSettings,
) -> Float[Tensor, "K 2"]:
    """Texture coordinates of the faces at pixel centres."""
    corners = screen[frame[:, None], topology.faces[face]]
    weights = barycentric_weights(corners, x, y)
    if settings.perspective_correct:
        weights = weights * _inverse_depth(corners, settings)
        weights = weights / weights.sum(-1, keepdim=True).clamp_min(_MIN_INVERSE_DEPTH)
    return (weights[..., None] * topology.corner_uv[face].to(screen.dtype)).sum(1)


def edge_uv(
    screen: Float[Tensor, "M V 3"],
    topology: Topology,
    frame: Int[Tensor, " K"],
    half_edge: Int[Tensor, " K"],
    along: Float[Tensor, " K"],
    settings: RenderSettings,
) -> Float[Tensor, "K 2"]:
    """Texture coordinates of points on edges, `along` as seen on the image (0 start, 1 end)."""
    start, end = edge_ends(screen, topology.faces, frame, half_edge)
    if settings.perspective_correct:
        far, near = _inverse_depth(start, settings), _inverse_depth(end, settings)
        weighted = along * near
        along = weighted / ((1 - along) * far + weighted).clamp_min(_MIN_INVERSE_DEPTH)
    face = torch.div(half_edge, 3, rounding_mode="floor")
    corner = half_edge % 3
    corner_uv = topology.corner_uv.to(screen.dtype)
    uv_start, uv_end = corner_uv[face, corner], corner_uv[face, (corner + 1) % 3]
    return uv_start + along[:, None] * (uv_end - uv_start)


def sample_texture(
    texture: Float[Tensor, "S C TH TW"], sample: Int[Tensor, " K"], uv: Float[Tensor, "K 2"]
) -> Float[Tensor, "K C"]:
    """Bilinear colours; coordinates beyond the outer texel centres take the outer texels.

    Written as nested differences, so that a constant texture gives exactly that constant.

    Args:
        texture: row 0 is v = 1.
        sample: which texture each pixel uses.
        uv: texture coordinates, v up.
    """
    rows, columns = texture.shape[-2:]
    texels = texture.permute(0, 2, 3, 1).reshape(-1, texture.shape[1])
    x = (uv[:, 0] * columns - 0.5).clamp(0.0, columns - 1.0)
    y = ((1.0 - uv[:, 1]) * rows - 0.5).clamp(0.0, rows - 1.0)
    left, top = x.detach().floor(), y.detach().floor()
    x_part, y_part = (x - left)[:, None], (y - top)[:, None]
    left, top = left.to(torch.int64), top.to(torch.int64)
    right, bottom = (left + 1).clamp_max(columns - 1), (top + 1).clamp_max(rows - 1)
    upper_row, lower_row = (sample * rows + top) * columns, (sample * rows + bottom) * columns
    upper_left, upper_right = texels[upper_row + left], texels[upper_row + right]
    lower_left, lower_right = texels[lower_row + left], texels[lower_row + right]
    upper = upper_left + x_part * (upper_right - upper_left)
    lower = lower_left + x_part * (lower_right - lower_left)
    return upper + y_part * (lower - upper)


def _inverse_depth(corners: Tensor, settings: RenderSettings) -> Tensor:
    inverse_depth = corners[..., 2]
    return inverse_depth if settings.depth_gradient else inverse_depth.detach()
