"""The texture with which a body explains a photo best, by least squares: nothing else moves.

A rendered image is linear in its texture, so with the body fixed Gauss-Newton is left with the
curve of the response alone. Its systems are solved by conjugate gradients (Hestenes and Stiefel
1952), each step of which draws the body once forwards and once backwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.formation import composite_exposure, linear_to_srgb, srgb_to_linear
from hfb.render import RenderSettings, render_exposure
from hfb.structures import Camera, Mesh

_ROUNDS, _STEPS = 6, 2
"""Systems that are solved, one after the other, and steps for each."""

_DAMPING = 1e-4
"""Of texels that hardly a pixel sees, px: they stay where they are."""


@torch.no_grad()
def solve_texture(
    mesh: Mesh,
    camera: Camera,
    image: Float[Tensor, "*B 3 S S"],
    background: Float[Tensor, "*B 3 S S"],
    valid: Float[Tensor, "*B 1 S S"],
    render_settings: RenderSettings,
    is_linear: bool = True,
) -> Float[Tensor, "*B 3 TH TW"]:
    """Minimise the squared sRGB difference of a photo and the body on its background.

    Args:
        mesh: the body at the sub-frames; its texture is the first guess, sRGB.
        camera: of the crop.
        image: blurry crop, sRGB.
        background: clean crop, sRGB.
        valid: weight of each pixel.
        render_settings: how to rasterise.
        is_linear: whether linear light is averaged, or sRGB values.

    Returns:
        sRGB in [0, 1].
    """
    texture, behind = mesh.texture, background
    if is_linear:
        texture, behind = srgb_to_linear(texture), srgb_to_linear(background)

    def normal(step: Tensor, slope: Tensor) -> Tensor:
        """The matrix of the system times a step."""
        seen, adjoint = _draw(mesh, step, camera, render_settings)
        return adjoint(slope * seen) + _DAMPING * step

    for _ in range(_ROUNDS):
        with torch.enable_grad():
            moved = texture.detach().requires_grad_()
            exposure = render_exposure(replace(mesh, texture=moved), camera, render_settings)
            if not exposure.rgb.requires_grad:  # a renderer that draws no texture
                return mesh.texture
            light = composite_exposure(exposure, behind).clamp(min=0.0)
            shown = linear_to_srgb(light) if is_linear else light
            # The slope of the response, pixel by pixel.
            (rate,) = torch.autograd.grad(shown.sum(), light, retain_graph=True)
            error = (image - shown).detach()
            (right,) = torch.autograd.grad((shown * (valid * error)).sum(), moved)
        texture = (texture + _conjugate_gradients(right, valid * rate.square(), normal)).clamp(0, 1)
    return linear_to_srgb(texture) if is_linear else texture


def _draw(
    mesh: Mesh, texture: Tensor, camera: Camera, render_settings: RenderSettings
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """What a texture adds to the image, and what takes images back to textures."""
    with torch.enable_grad():
        own = texture.detach().requires_grad_()
        seen = render_exposure(replace(mesh, texture=own), camera, render_settings).rgb
    return seen.detach(), lambda image: torch.autograd.grad(seen, own, image)[0]


def _conjugate_gradients(
    right: Tensor, weight: Tensor, normal: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """The step that solves the system; each entry of the batch by itself.

    A texel's row sum stands for its diagonal entry as preconditioner: nothing is negative.
    """
    scale = 1.0 / normal(torch.ones_like(right), weight)
    step = torch.zeros_like(right)
    residual, direction = right, scale * right
    product = _dot(residual, direction)
    for _ in range(_STEPS):
        image = normal(direction, weight)
        length = product / _dot(direction, image).clamp(min=1e-20)
        step = step + length * direction
        residual = residual - length * image
        before, product = product, _dot(residual, scale * residual)
        direction = scale * residual + product / before.clamp(min=1e-20) * direction
    return step


def _dot(one: Tensor, other: Tensor) -> Tensor:
    return (one * other).sum((-3, -2, -1), keepdim=True)
