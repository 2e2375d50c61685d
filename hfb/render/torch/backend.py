"""The reference backend: plain PyTorch, any dtype and device, gradients by autograd.

Which face a pixel sees and which edge is nearest are found without gradient; autograd then only
sees the few pixels that survive.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hfb.render.rim import rim_offsets
from hfb.render.scene import Scene
from hfb.render.settings import RenderSettings
from hfb.render.torch.boundary import BoundaryPixels, find_boundary, measure_shares
from hfb.render.torch.crossings import Crossings, find_crossings
from hfb.render.torch.rim import find_rim
from hfb.render.torch.shading import edge_uv, face_uv, sample_texture
from hfb.render.torch.silhouette import contour_alpha, dibr_alpha, find_edge_pixels
from hfb.render.torch.visibility import classify_faces, find_visible_faces, project_to_grid

RIMS = ("nearest", "black")


@dataclass(frozen=True)
class _Fragments:
    """Everything that is seen, before it is put into images.

    Attributes:
        pixel: flat index into (M, H, W) of each coloured pixel.
        colour: straight colour of these pixels.
        alpha: silhouettes.
        face_id: visible faces, -1 where there is none.
    """

    pixel: Int[Tensor, " K"]
    colour: Float[Tensor, "K C"]
    alpha: Float[Tensor, "M H W"]
    face_id: Int[Tensor, "M H W"]


def check(scene: Scene, settings: RenderSettings) -> None:
    """Nothing is refused: every mode is drawn in any dtype on any device."""


def render_exposure(
    scene: Scene, settings: RenderSettings
) -> tuple[Float[Tensor, "S C H W"], Float[Tensor, "S 1 H W"], Bool[Tensor, "S F"]]:
    """Mean over the sub-frames: premultiplied colour, silhouette, faces seen at all."""
    fragments = _rasterise(scene, settings)
    num_samples, num_frames = scene.verts.shape[:2]
    size = scene.height * scene.width
    sample = torch.div(fragments.pixel, num_frames * size, rounding_mode="floor")
    weight = fragments.alpha.reshape(-1)[fragments.pixel] / num_frames
    rgb = fragments.colour.new_zeros(num_samples * size, fragments.colour.shape[1]).index_add(
        0, sample * size + fragments.pixel % size, weight[:, None] * fragments.colour
    )
    alpha = fragments.alpha.reshape(num_samples, num_frames, 1, scene.height, scene.width).mean(1)
    return _channel_first(rgb, num_samples, scene), alpha, find_seen_faces(fragments.face_id, scene)


def render_layers(
    scene: Scene, settings: RenderSettings
) -> tuple[Float[Tensor, "S N C H W"], Float[Tensor, "S N 1 H W"], Bool[Tensor, "S F"]]:
    """Straight colour and silhouette of each sub-frame, faces seen at all."""
    fragments = _rasterise(scene, settings)
    leading = scene.verts.shape[:2]
    rgb = fragments.colour.new_zeros(fragments.alpha.numel(), fragments.colour.shape[1])
    rgb = rgb.index_copy(0, fragments.pixel, fragments.colour)
    image = _channel_first(rgb, len(fragments.alpha), scene)
    alpha = fragments.alpha.reshape(*leading, 1, scene.height, scene.width)
    seen = find_seen_faces(fragments.face_id, scene)
    return image.reshape(*leading, *image.shape[1:]), alpha, seen


@torch.no_grad()
def hard_silhouettes(scene: Scene, settings: RenderSettings) -> Bool[Tensor, "S N H W"]:
    """Whether a front face covers the centre of each pixel."""
    screen, drawable = project_to_grid(scene)
    faces = scene.topology.faces
    is_front, _ = classify_faces(screen, drawable, faces)
    face_id, _ = find_visible_faces(screen, is_front, faces, scene.height, scene.width)
    covered = face_id[:, 1:-1, 1:-1] >= 0
    return covered.reshape(*scene.verts.shape[:2], scene.height, scene.width)


def _rasterise(scene: Scene, settings: RenderSettings) -> _Fragments:
    topology = scene.topology
    screen, drawable = project_to_grid(scene)
    is_front, is_drawable = classify_faces(screen, drawable, topology.faces)
    face_id, depth = find_visible_faces(screen, is_front, topology.faces, scene.height, scene.width)
    # In the ring around the image, too: its colours show beyond edges at the border.
    covered = (face_id >= 0).reshape(-1).nonzero()[:, 0]
    colour = _face_colours(scene, screen, face_id, covered, settings)
    is_plain = torch.zeros_like(face_id, dtype=torch.bool)
    is_plain[:, 1:-1, 1:-1] = True
    is_plain = is_plain.reshape(-1)
    extra: list[tuple[Tensor, Tensor]] = []
    if settings.mode == "coverage":
        focal = scene.intrinsics[:, 0].repeat_interleave(scene.verts.shape[1])
        crossings = find_crossings(screen, is_front, depth, focal, topology)
        boundary = find_boundary(crossings, face_id)
        share = measure_shares(boundary, crossings)
        mixed = _boundary_colours(
            scene, screen, face_id, crossings, boundary, share, covered, colour, settings
        )
        extra.append((boundary.pixel, mixed))
        is_plain[boundary.pixel] = False
        alpha = (face_id >= 0).to(screen.dtype).reshape(-1)
        opacity = torch.where(boundary.back_pixel >= 0, 1.0, share)
        alpha = alpha.index_copy(0, boundary.pixel, opacity).reshape(face_id.shape)
    elif settings.mode == "contour":
        edges = find_edge_pixels(screen.detach(), is_front, face_id, topology, settings)
        alpha = (face_id >= 0).to(screen.dtype).reshape(-1)
        tail = contour_alpha(screen, topology.faces, edges, settings)
        alpha = alpha.index_copy(0, edges.pixel, tail).reshape(face_id.shape)
    else:
        alpha, is_soft = dibr_alpha(screen, is_drawable, face_id, topology.faces, settings)
        extra.append(_rim_colours(face_id, is_soft, covered, colour, settings))
    plain = is_plain[covered].nonzero()[:, 0]
    pixel, colour = (
        torch.cat(parts) for parts in zip((covered[plain], colour[plain]), *extra, strict=True)
    )
    frame, y, x = _split(pixel, face_id)
    return _Fragments(
        pixel=(frame * scene.height + y - 1) * scene.width + x - 1,
        colour=colour,
        alpha=alpha[:, 1:-1, 1:-1],
        face_id=face_id[:, 1:-1, 1:-1],
    )


def _boundary_colours(
    scene: Scene,
    screen: Tensor,
    face_id: Tensor,
    crossings: Crossings,
    boundary: BoundaryPixels,
    share: Tensor,
    covered: Tensor,
    colour: Tensor,
    settings: RenderSettings,
) -> Tensor:
    """Straight colours of the boundary pixels, from the colours of all covered pixels."""
    place = torch.full((face_id.numel(),), -1, device=face_id.device)
    place[covered] = torch.arange(len(covered), device=face_id.device)
    padded = torch.cat([colour, colour.new_zeros(1, colour.shape[1])])
    beyond = boundary.is_beyond.nonzero()[:, 0]
    edge = boundary.first[beyond]
    frame, half_edge = crossings.frame[edge], crossings.half_edge[edge]
    uv = edge_uv(screen, scene.topology, frame, half_edge, crossings.along[edge], settings)
    sample = torch.div(frame, scene.verts.shape[1], rounding_mode="floor")
    front = padded[place[boundary.pixel]].index_copy(
        0, beyond, sample_texture(scene.texture, sample, uv)
    )
    back = padded[place[boundary.back_pixel.clamp_min(0)]]
    is_mixed = (boundary.back_pixel >= 0)[:, None]
    return torch.where(is_mixed, back + share[:, None] * (front - back), front)


def _rim_colours(
    face_id: Tensor, is_soft: Tensor, covered: Tensor, colour: Tensor, settings: RenderSettings
) -> tuple[Tensor, Tensor]:
    """Pixels of the rim in the grid, and the colours that they take over."""
    inner_id, inner_soft = face_id[:, 1:-1, 1:-1], is_soft[:, 1:-1, 1:-1]
    height, width = inner_id.shape[1:]
    rim = find_rim(inner_id, inner_soft, rim_offsets(settings, height, width))
    pixel, source = (_grid_index(part, height, width) for part in rim)
    place = torch.full((face_id.numel(),), -1, device=face_id.device)
    place[covered] = torch.arange(len(covered), device=face_id.device)
    return pixel, colour[place[source]]


def _grid_index(pixel: Tensor, height: int, width: int) -> Tensor:
    """Flat indices into (M, H, W) as those into the grid with its ring."""
    line = torch.div(pixel, width, rounding_mode="floor")
    frame = torch.div(line, height, rounding_mode="floor")
    row, column = line % height + 1, pixel % width + 1
    return (frame * (height + 2) + row) * (width + 2) + column


def _face_colours(
    scene: Scene, screen: Tensor, face_id: Tensor, pixel: Tensor, settings: RenderSettings
) -> Tensor:
    """Colours of the faces seen at grid pixels."""
    frame, y, x = _split(pixel, face_id)
    uv = face_uv(screen, scene.topology, frame, face_id.reshape(-1)[pixel], x, y, settings)
    sample = torch.div(frame, scene.verts.shape[1], rounding_mode="floor")
    return sample_texture(scene.texture, sample, uv)


def _split(pixel: Tensor, face_id: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Sub-frame, row and column of flat indices into the grid."""
    grid_height, grid_width = face_id.shape[1:]
    line = torch.div(pixel, grid_width, rounding_mode="floor")
    frame = torch.div(line, grid_height, rounding_mode="floor")
    return frame, line % grid_height, pixel % grid_width


def _channel_first(rgb: Tensor, num_images: int, scene: Scene) -> Tensor:
    image = rgb.reshape(num_images, scene.height, scene.width, rgb.shape[1])
    return image.permute(0, 3, 1, 2).contiguous()


def find_seen_faces(face_id: Int[Tensor, "M H W"], scene: Scene) -> Bool[Tensor, "S F"]:
    """Which faces appear in at least one sub-frame of each sample."""
    num_samples, num_faces = len(scene.verts), len(scene.topology.faces)
    per_sample = face_id.reshape(num_samples, scene.verts.shape[1] * face_id[:1].numel()) + 1
    seen = torch.zeros(num_samples, num_faces + 1, dtype=torch.bool, device=face_id.device)
    return seen.scatter_(1, per_sample, True)[:, 1:]
