"""The reference backend: plain PyTorch, any dtype and device, gradients by autograd.

Which face a pixel sees and which edge is nearest are found without gradient; autograd then only
sees the few pixels that survive.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hfb.render.scene import Scene
from hfb.render.settings import RenderSettings
from hfb.render.torch_shading import edge_uv, face_uv, sample_texture
from hfb.render.torch_silhouette import dibr_alpha, edge_alpha, find_edge_pixels
from hfb.render.torch_visibility import classify_faces, find_visible_faces, project_to_grid


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
) -> tuple[Float[Tensor, "S N C H W"], Float[Tensor, "S N 1 H W"]]:
    """Straight colour and silhouette of each sub-frame."""
    fragments = _rasterise(scene, settings)
    leading = scene.verts.shape[:2]
    rgb = fragments.colour.new_zeros(fragments.alpha.numel(), fragments.colour.shape[1])
    rgb = rgb.index_copy(0, fragments.pixel, fragments.colour)
    image = _channel_first(rgb, len(fragments.alpha), scene)
    alpha = fragments.alpha.reshape(*leading, 1, scene.height, scene.width)
    return image.reshape(*leading, *image.shape[1:]), alpha


@torch.no_grad()
def hard_silhouettes(scene: Scene) -> Bool[Tensor, "S N H W"]:
    """Whether a front face covers the centre of each pixel."""
    screen, drawable = project_to_grid(scene)
    faces = scene.topology.faces
    is_front, _ = classify_faces(screen, drawable, faces)
    face_id = find_visible_faces(screen, is_front, faces, scene.height, scene.width)
    covered = face_id[:, 1:-1, 1:-1] >= 0
    return covered.reshape(*scene.verts.shape[:2], scene.height, scene.width)


def _rasterise(scene: Scene, settings: RenderSettings) -> _Fragments:
    topology = scene.topology
    screen, drawable = project_to_grid(scene)
    is_front, is_drawable = classify_faces(screen, drawable, topology.faces)
    face_id = find_visible_faces(screen, is_front, topology.faces, scene.height, scene.width)
    inner = torch.zeros_like(face_id, dtype=torch.bool)
    inner[:, 1:-1, 1:-1] = True
    frame, y, x = (inner & (face_id >= 0)).nonzero(as_tuple=True)
    uv = face_uv(screen, topology, frame, face_id[frame, y, x], x, y, settings)
    if settings.mode == "dibr":
        alpha = dibr_alpha(screen, is_drawable, face_id, topology.faces, settings)
    else:
        edges = find_edge_pixels(screen.detach(), is_front, face_id, topology, settings)
        is_covered = face_id.reshape(-1)[edges.pixel] >= 0
        alpha = (face_id >= 0).to(screen.dtype).reshape(-1)
        alpha = alpha.index_copy(
            0, edges.pixel, edge_alpha(screen, topology.faces, edges, is_covered, settings)
        ).reshape(face_id.shape)
        if settings.mode == "coverage":
            edges = edges.select(~is_covered)
            uv = torch.cat([uv, edge_uv(screen, topology, edges, settings)])
            frame, y, x = (
                torch.cat(pair) for pair in ((frame, edges.frame), (y, edges.y), (x, edges.x))
            )
    sample = torch.div(frame, scene.verts.shape[1], rounding_mode="floor")
    return _Fragments(
        pixel=(frame * scene.height + y - 1) * scene.width + x - 1,
        colour=sample_texture(scene.texture, sample, uv),
        alpha=alpha[:, 1:-1, 1:-1],
        face_id=face_id[:, 1:-1, 1:-1],
    )


def _channel_first(rgb: Tensor, num_images: int, scene: Scene) -> Tensor:
    image = rgb.reshape(num_images, scene.height, scene.width, rgb.shape[1])
    return image.permute(0, 3, 1, 2).contiguous()


def find_seen_faces(face_id: Int[Tensor, "M H W"], scene: Scene) -> Bool[Tensor, "S F"]:
    """Which faces appear in at least one sub-frame of each sample."""
    num_samples, num_faces = len(scene.verts), len(scene.topology.faces)
    per_sample = face_id.reshape(num_samples, scene.verts.shape[1] * face_id[:1].numel()) + 1
    seen = torch.zeros(num_samples, num_faces + 1, dtype=torch.bool, device=face_id.device)
    return seen.scatter_(1, per_sample, True)[:, 1:]
