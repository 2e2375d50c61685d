"""The CPU backend: compiled loops, one sub-frame a thread, gradients written by hand.

The mean over the sub-frames is taken as they are drawn, so only (3, H, W) + (H, W) leave a thread.
Each thread works on a block of consecutive frames: the result is the same in every run with the
same number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from hfb.errors import InputError
from hfb.processors import run_blocks
from hfb.render.numba import frame as numba_frame
from hfb.render.numba.job import Job, SharedSums, make_job, make_raster_params
from hfb.render.numba.records import FrameGrads, ImageSums, RasterParams
from hfb.render.numba.workspace import WorkspaceLease
from hfb.render.scene import Scene
from hfb.render.settings import RenderSettings

RIMS = ("nearest", "black")


def check(scene: Scene, settings: RenderSettings) -> None:
    """Refuse what is not on the CPU.

    Raises:
        InputError: if the vertices are on another device.
    """
    if scene.verts.device.type != "cpu":
        raise InputError(
            f"RenderSettings.backend is 'numba', which renders on the CPU, but mesh.verts is on "
            f"{scene.verts.device}: use 'auto' or 'torch'"
        )


def render_exposure(
    scene: Scene, settings: RenderSettings
) -> tuple[Float[Tensor, "S C H W"], Float[Tensor, "S 1 H W"], Bool[Tensor, "S F"]]:
    """Mean over the sub-frames: premultiplied colour, silhouette, faces seen at all."""
    return _render(scene, settings, make_raster_params(scene, settings, is_mean=True))


def render_layers(
    scene: Scene, settings: RenderSettings
) -> tuple[Float[Tensor, "S N C H W"], Float[Tensor, "S N 1 H W"], Bool[Tensor, "S F"]]:
    """Straight colour and silhouette of each sub-frame, faces seen at all."""
    params = make_raster_params(scene, settings, is_mean=False)
    rgb, alpha, seen = (
        values.reshape(*scene.verts.shape[:2], *values.shape[1:])
        for values in _render(scene, settings, params)
    )
    return rgb, alpha, seen.any(1)


@torch.no_grad()
def hard_silhouettes(scene: Scene, settings: RenderSettings) -> Bool[Tensor, "S N H W"]:
    """Whether a front face covers the centre of each pixel."""
    check(scene, settings)
    job = make_job(scene, settings, make_raster_params(scene, settings, is_mean=False))
    verts = job.verts_of(scene.verts.to(torch.float32))
    lease = WorkspaceLease(job.size)
    texel = np.zeros((len(job.intrinsics), 1, 1, 3), np.float32)
    covered = np.zeros((job.num_frames, scene.height, scene.width), np.uint8)

    def work(thread: int) -> None:
        for frame in job.frames_of(thread):
            numba_frame.mark_covered(
                job.source(verts, texel, frame),
                job.mesh,
                job.params,
                lease.workspace.thread_buffers[thread],
                lease.workspace.states[frame],
                covered[frame],
            )

    run_blocks(job.num_threads, work)
    return torch.from_numpy(covered.view(bool)).reshape(
        *scene.verts.shape[:2], scene.height, scene.width
    )


def _render(
    scene: Scene, settings: RenderSettings, params: RasterParams
) -> tuple[Tensor, Tensor, Tensor]:
    job = make_job(scene, settings, params)
    if job.num_frames == 0:
        empty = scene.verts.new_zeros(0, 4, scene.height, scene.width)
        visible = torch.zeros(0, len(scene.topology.faces), dtype=torch.bool)
        return empty[:, :3], empty[:, 3:], visible
    dtype = scene.verts.dtype
    # Rows of RGB triples: one texel is one memory access.
    texture = scene.texture.to(torch.float32).permute(0, 2, 3, 1)
    rgb, alpha, visible = _RenderFunction.apply(scene.verts.to(torch.float32), texture, job)
    return rgb.to(dtype), alpha.to(dtype), visible


class _RenderFunction(torch.autograd.Function):
    """All frames of a job, forward and backward."""

    @staticmethod
    def forward(
        ctx: Any, verts: Tensor, texture: Tensor, job: Job
    ) -> tuple[Tensor, Tensor, Tensor]:
        height, width = job.image_size
        arrays = job.verts_of(verts)
        texels = texture.detach().contiguous().numpy()
        lease = WorkspaceLease(job.size)
        rgb = SharedSums(job, (3, height, width), job.frames_per_image)
        alpha = SharedSums(job, (height, width), job.frames_per_image)
        visible = np.zeros((job.num_images, len(job.mesh.faces)), np.uint8)

        def work(thread: int) -> None:
            for frame in job.frames_of(thread):
                image = ImageSums(
                    rgb.of(thread, frame),
                    alpha.of(thread, frame),
                    visible[frame // job.frames_per_image],
                )
                source = job.source(arrays, texels, frame)
                job.draw(source, image, frame, thread, lease.workspace)

        run_blocks(job.num_threads, work)
        if any(ctx.needs_input_grad):
            ctx.save_for_backward(verts, texture)
            ctx.job, ctx.lease, ctx.texels = job, lease, texels
        visible_faces = torch.from_numpy(visible.view(bool))
        ctx.mark_non_differentiable(visible_faces)
        return rgb.finish(), alpha.finish()[:, None], visible_faces

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, rgb_grad: Tensor, alpha_grad: Tensor, _: Tensor
    ) -> tuple[Tensor | None, ...]:
        job, workspace, texels = ctx.job, ctx.lease.workspace, ctx.texels
        verts, _ = ctx.saved_tensors
        arrays = job.verts_of(verts)
        rgb_grads = rgb_grad.contiguous().numpy()
        alpha_grads = alpha_grad.contiguous().numpy()
        verts_grad = np.empty_like(arrays)
        texture_grad = SharedSums(job, texels.shape[1:], job.frames_per_sample)

        def work(thread: int) -> None:
            for frame in job.frames_of(thread):
                image = frame // job.frames_per_image
                grads = FrameGrads(
                    rgb_grads[image],
                    alpha_grads[image, 0],
                    verts_grad[frame],
                    texture_grad.of(thread, frame),
                )
                source = job.source(arrays, texels, frame)
                job.draw_backward(source, grads, frame, thread, workspace)

        run_blocks(job.num_threads, work)
        return torch.from_numpy(verts_grad).reshape(verts.shape), texture_grad.finish(), None
