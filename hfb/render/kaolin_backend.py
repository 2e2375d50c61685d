"""Thin adapter to kaolin's DIB-R rasteriser, the one the paper used: mode `dibr` on CUDA.

For comparison with the paper's renderer. Silhouettes, visibility and their gradients are kaolin's;
the texture look-up is ours.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hfb.errors import InputError
from hfb.render.rim import rim_offsets
from hfb.render.scene import Scene
from hfb.render.settings import RenderSettings
from hfb.render.torch import backend as torch_backend
from hfb.render.torch.rim import find_rim
from hfb.render.torch.shading import sample_texture
from hfb.render.torch.visibility import classify_faces, project_to_grid

RIMS = ("nearest", "black")
_MULTIPLIER = 1000
_MIN_INVERSE_DEPTH = 1e-12


def check(scene: Scene, settings: RenderSettings) -> None:
    """Refuse all but mode `dibr` on CUDA where kaolin is installed.

    Raises:
        InputError: if one of these is not so.
    """
    _import_kaolin()
    if settings.mode != "dibr":
        raise InputError(
            f"RenderSettings.mode is {settings.mode!r}: the 'kaolin' backend only renders 'dibr'"
        )
    if scene.verts.device.type != "cuda":
        raise InputError(
            f"RenderSettings.backend is 'kaolin', which needs CUDA, but mesh.verts is on "
            f"{scene.verts.device}"
        )


def render_exposure(
    scene: Scene, settings: RenderSettings
) -> tuple[Float[Tensor, "S C H W"], Float[Tensor, "S 1 H W"], Bool[Tensor, "S F"]]:
    """Mean over the sub-frames: premultiplied colour, silhouette, faces seen at all."""
    rgb, alpha, face_id = _rasterise(scene, settings)
    return (rgb * alpha).mean(1), alpha.mean(1), torch_backend.find_seen_faces(face_id, scene)


def render_layers(
    scene: Scene, settings: RenderSettings
) -> tuple[Float[Tensor, "S N C H W"], Float[Tensor, "S N 1 H W"], Bool[Tensor, "S F"]]:
    """Straight colour and silhouette of each sub-frame, faces seen at all."""
    rgb, alpha, face_id = _rasterise(scene, settings)
    return rgb, alpha, torch_backend.find_seen_faces(face_id, scene)


def hard_silhouettes(scene: Scene, settings: RenderSettings) -> Bool[Tensor, "S N H W"]:
    """Whether a front face covers the centre of each pixel: torch's answer, on any device."""
    return torch_backend.hard_silhouettes(scene, settings)


def _rasterise(scene: Scene, settings: RenderSettings) -> tuple[Tensor, Tensor, Tensor]:
    """Colour (S, N, C, H, W), silhouette (S, N, 1, H, W), visible faces (M, H, W)."""
    kaolin_mesh = _import_kaolin()
    topology = scene.topology
    screen, drawable = project_to_grid(scene)
    is_front, is_drawable = classify_faces(screen, drawable, topology.faces)
    corners = screen[:, topology.faces]
    size = screen.new_tensor([scene.width, scene.height])
    # Grid to NDC: pixel centres are at +1 there, and y points down.
    ndc = ((corners[..., :2] - 0.5) / size * 2 - 1) * screen.new_tensor([1.0, -1.0])
    # Faces that cannot be drawn go out of every pixel's reach.
    ndc = torch.where(is_drawable[..., None, None], ndc, 10.0)
    inverse_depth = corners[..., 2:]
    weight = inverse_depth if settings.perspective_correct else torch.ones_like(inverse_depth)
    if not settings.depth_gradient:
        weight = weight.detach()
    # kaolin interpolates affinely on the image: uv/z and 1/z are affine there, uv is not.
    features = torch.cat([topology.corner_uv.to(screen.dtype) * weight, weight], -1)
    # It takes the largest depth as the nearest; 1/z is exact for affine interpolation.
    seen, alpha, face_id = kaolin_mesh.dibr_rasterization(
        scene.height,
        scene.width,
        inverse_depth[..., 0].detach(),
        ndc,
        features,
        torch.where(is_front, 1.0, -1.0).to(screen.dtype),
        sigmainv=settings.sigmainv,
        boxlen=settings.boxlen,
        knum=settings.knum,
        multiplier=_MULTIPLIER,
    )
    frame, y, x = (face_id >= 0).nonzero(as_tuple=True)
    hit = seen[frame, y, x]
    uv = hit[:, :2] / hit[:, 2:].clamp_min(_MIN_INVERSE_DEPTH)
    sample = torch.div(frame, scene.verts.shape[1], rounding_mode="floor")
    colour = sample_texture(scene.texture, sample, uv)
    rgb = colour.new_zeros(*face_id.shape, colour.shape[1]).index_put((frame, y, x), colour)
    pixel, source = find_rim(
        face_id, alpha.detach() > 0, rim_offsets(settings, scene.height, scene.width)
    )
    flat = rgb.reshape(-1, rgb.shape[-1])
    rgb = flat.index_put((pixel,), flat[source]).reshape(rgb.shape)
    leading = scene.verts.shape[:2]
    image = rgb.permute(0, 3, 1, 2)
    return (
        image.reshape(*leading, *image.shape[1:]),
        alpha.reshape(*leading, 1, scene.height, scene.width),
        face_id,
    )


def _import_kaolin() -> Any:
    try:
        import kaolin.render.mesh as kaolin_mesh
    except ImportError as error:
        raise InputError(
            "RenderSettings.backend is 'kaolin', which is not installed. It is built for each pair "
            "of torch and CUDA versions: its documentation's installation page names the wheel to "
            "install. Mode 'dibr' of the 'torch' backend computes the same mask without it."
        ) from error
    return kaolin_mesh
