"""The warp backend: kernels that run on the CPU, one thread, and on CUDA, all samples at once.

What the kernels compute is what the numba backend computes; on CUDA the sums of the gradients come
in no fixed order. Nothing waits for the device.
"""

from __future__ import annotations

from typing import Any

import torch
import warp as wp
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from hfb.errors import InputError
from hfb.render.scene import Scene
from hfb.render.settings import RenderSettings
from hfb.render.warp import contour, coverage, dibr, raster
from hfb.render.warp.compiled import array, device_of, launch
from hfb.render.warp.plan import Plan, make_images, rasterise, soften
from hfb.render.warp.scene_arrays import Grads

RIMS = ("nearest", "black")

_MODES: dict[str, Any] = {"coverage": coverage, "contour": contour, "dibr": dibr}


def check(scene: Scene, settings: RenderSettings) -> None:
    """Refuse devices that Warp does not know.

    Raises:
        InputError: if the vertices are on one.
    """
    if scene.verts.device.type not in ("cpu", "cuda"):
        raise InputError(
            f"RenderSettings.backend is 'warp', which renders on the CPU and on CUDA, but "
            f"mesh.verts is on {scene.verts.device}: use 'auto' or 'torch'"
        )


def render_exposure(
    scene: Scene, settings: RenderSettings
) -> tuple[Float[Tensor, "S C H W"], Float[Tensor, "S 1 H W"], Bool[Tensor, "S F"]]:
    """Mean over the sub-frames: premultiplied colour, silhouette, faces seen at all."""
    return _render(Plan(scene, settings, is_mean=True))


def render_layers(
    scene: Scene, settings: RenderSettings
) -> tuple[Float[Tensor, "S N C H W"], Float[Tensor, "S N 1 H W"], Bool[Tensor, "S F"]]:
    """Straight colour and silhouette of each sub-frame, faces seen at all."""
    rgb, alpha, seen = (
        values.reshape(*scene.verts.shape[:2], *values.shape[1:])
        for values in _render(Plan(scene, settings, is_mean=False))
    )
    return rgb, alpha, seen.any(1)


@torch.no_grad()
def hard_silhouettes(scene: Scene, settings: RenderSettings) -> Bool[Tensor, "S N H W"]:
    """Whether a front face covers the centre of each pixel."""
    check(scene, settings)
    leading, size = scene.verts.shape[:2], (scene.height, scene.width)
    if leading.numel() == 0:
        return torch.zeros(*leading, *size, dtype=torch.bool, device=scene.verts.device)
    plan = Plan(scene, settings, is_mean=False)
    drawn = rasterise(plan, scene.verts.float().contiguous(), _texels(scene).contiguous())
    covered: Tensor = drawn.face_id[:, 1:-1, 1:-1] >= 0
    return covered.reshape(*leading, *size)


def _render(plan: Plan) -> tuple[Tensor, Tensor, Tensor]:
    scene, dtype = plan.scene, plan.scene.verts.dtype
    if plan.num_frames == 0:
        count = scene.verts.shape[0] if plan.is_mean else 0
        empty = scene.verts.new_zeros(count, 4, scene.height, scene.width)
        num_faces = len(scene.topology.faces)
        seen = torch.zeros(count, num_faces, dtype=torch.bool, device=empty.device)
        return empty[:, :3], empty[:, 3:], seen
    rgb, alpha, seen = _RenderFunction.apply(scene.verts.float(), _texels(scene), plan)
    return rgb.to(dtype), alpha.to(dtype), seen


def _texels(scene: Scene) -> Tensor:
    """Rows of RGB triples, (S, TH, TW, 3)."""
    return scene.texture.float().permute(0, 2, 3, 1)


class _RenderFunction(torch.autograd.Function):
    """All frames of a plan, forward and backward."""

    @staticmethod
    def forward(ctx: Any, verts: Tensor, texels: Tensor, plan: Plan) -> tuple[Tensor, ...]:
        verts, texels = verts.detach().contiguous(), texels.detach().contiguous()
        drawn = soften(plan, rasterise(plan, verts, texels))
        count = plan.num_frames // plan.frames_per_image
        size = (count, plan.scene.height, plan.scene.width)
        rgb, alpha = verts.new_empty(count, 3, *size[1:]), verts.new_empty(size)
        num_faces = len(plan.scene.topology.faces)
        seen = torch.zeros(count, num_faces, dtype=torch.uint8, device=verts.device)
        inputs = (drawn.job, *drawn.tables, make_images(rgb, alpha, seen))
        launch(_MODES[plan.settings.mode].draw, size, inputs, device_of(verts))
        ctx.plan, ctx.drawn, ctx.shapes = plan, drawn, (verts.shape, texels.shape)
        is_seen = seen > 0
        ctx.mark_non_differentiable(is_seen)
        return rgb, alpha[:, None], is_seen

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, rgb_grad: Tensor, alpha_grad: Tensor, _: Tensor) -> tuple[Any, ...]:
        plan, drawn, (verts_shape, texels_shape) = ctx.plan, ctx.drawn, ctx.shapes
        device, num_verts = device_of(rgb_grad), verts_shape[-2]
        screen_grad = rgb_grad.new_zeros(plan.num_frames, num_verts, 3)
        texture_grad = rgb_grad.new_zeros(texels_shape)
        grads = Grads()
        grads.screen = array(screen_grad, wp.vec3, device)
        grads.texture = array(texture_grad, wp.vec3, device)
        rgb_grad, alpha_grad = rgb_grad.contiguous(), alpha_grad[:, 0].contiguous()
        seen = torch.zeros(1, 1, dtype=torch.uint8, device=rgb_grad.device)
        inputs = (drawn.job, *drawn.tables, make_images(rgb_grad, alpha_grad, seen), grads)
        size = (plan.num_frames, plan.scene.height, plan.scene.width)
        launch(_MODES[plan.settings.mode].draw_backward, size, inputs, device)
        verts_grad = torch.empty_like(screen_grad)
        inputs = (drawn.job, grads, array(verts_grad, wp.vec3, device))
        launch(raster.unproject_gradient, (plan.num_frames, num_verts), inputs, device)
        return verts_grad.reshape(verts_shape), texture_grad, None
