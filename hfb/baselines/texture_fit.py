"""A texture for a motion that came without one, so that its photo blurred again can be compared."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.baselines.objects.losses import texture_variation_loss
from hfb.formation import composite_exposure, linear_to_srgb, srgb_to_linear
from hfb.losses import image_loss
from hfb.render import RenderSettings, render_exposure
from hfb.structures import Camera, Mesh

NUM_STEPS = 60
"""As many as the static start gets."""
LEARNING_RATE = 0.05
SMOOTHNESS = 0.1
"""Weight of the total variation beside the squared sRGB difference over the person's area."""


def fit_texture(
    mesh: Mesh,
    camera: Camera,
    image: Float[Tensor, "3 S S"],
    background: Float[Tensor, "3 S S"],
    alpha: Float[Tensor, "1 S S"],
    render_settings: RenderSettings,
    is_linear: bool = True,
) -> Float[Tensor, "3 TH TW"]:
    """The texture with which a moving mesh explains a photo best.

    Args:
        mesh: moving; its texture is the first guess, sRGB.
        camera: of the crop.
        image: blurry crop, sRGB.
        background: clean crop, sRGB.
        alpha: matte of the crop; its sum normalises the difference.
        render_settings: how to rasterise.
        is_linear: whether linear light is averaged, or sRGB values.

    Returns:
        sRGB in [0, 1].
    """
    texture = mesh.texture.clone().requires_grad_()
    optimizer = torch.optim.Adam([texture], lr=LEARNING_RATE)
    behind = srgb_to_linear(background) if is_linear else background
    area = alpha.sum()
    for _ in range(NUM_STEPS):
        with torch.enable_grad():
            # Decoding is only defined from 0 on, and its slope is finite there.
            seen = srgb_to_linear(texture.clamp(0.0, 1.0)) if is_linear else texture
            moving = Mesh(mesh.verts, mesh.faces, mesh.uv, mesh.faces_uv, seen)
            blurred = composite_exposure(render_exposure(moving, camera, render_settings), behind)
            if is_linear:
                blurred = linear_to_srgb(blurred.clamp(0.0, 1.0))
            loss = image_loss(blurred, image, alpha.new_ones(alpha.shape), area)
            loss = loss + SMOOTHNESS * texture_variation_loss(texture)
            optimizer.zero_grad()
            loss.backward()
        optimizer.step()
        with torch.no_grad():
            texture.clamp_(0.0, 1.0)
    return texture.detach()
