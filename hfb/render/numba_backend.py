"""The CPU backend: compiled loops, one sub-frame a thread, gradients written by hand.

The mean over the sub-frames is taken as they are drawn, so only (3, H, W) + (H, W) leave a thread.
Each thread works on a block of consecutive frames: the result is the same in every run with the
same number of threads.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from hfb.render import numba_dibr, numba_edge_shading, numba_raster, numba_shading, numba_silhouette
from hfb.render.numba_records import F32, Look, MeshArrays
from hfb.render.numba_workspace import (
    Workspace,
    WorkspaceLease,
    WorkspaceSize,
    count_processors,
    make_near_faces,
    run_blocks,
)
from hfb.render.scene import Scene
from hfb.render.settings import CONTOUR_CUTOFF_SIGMAS, COVERAGE_RADIUS_PX, RenderSettings
from hfb.render.topology import Topology


def render_exposure(
    scene: Scene, settings: RenderSettings
) -> tuple[Float[Tensor, "S C H W"], Float[Tensor, "S 1 H W"], Bool[Tensor, "S F"]]:
    """Mean over the sub-frames: premultiplied colour, silhouette, faces seen at all."""
    return _render(scene, settings, _look(scene, settings, is_mean=True))


def render_layers(
    scene: Scene, settings: RenderSettings
) -> tuple[Float[Tensor, "S N C H W"], Float[Tensor, "S N 1 H W"]]:
    """Straight colour and silhouette of each sub-frame."""
    rgb, alpha, _ = _render(scene, settings, _look(scene, settings, is_mean=False))
    leading = scene.verts.shape[:2]
    return rgb.reshape(*leading, *rgb.shape[1:]), alpha.reshape(*leading, *alpha.shape[1:])


@torch.no_grad()
def hard_silhouettes(scene: Scene, settings: RenderSettings) -> Bool[Tensor, "S N H W"]:
    """Whether a front face covers the centre of each pixel."""
    job = _make_job(scene, settings, _look(scene, settings, is_mean=False))
    verts = job.verts_of(scene.verts.to(torch.float32))
    workspace = WorkspaceLease(job.size).workspace
    covered = np.zeros((job.num_frames, scene.height, scene.width), np.uint8)

    def work(thread: int) -> None:
        for frame in job.frames_of(thread):
            job.rasterise(verts, frame, workspace, thread)
            numba_raster.mark_covered(workspace.states[frame], covered[frame])

    run_blocks(job.num_threads, work)
    return torch.from_numpy(covered.view(bool)).reshape(
        *scene.verts.shape[:2], scene.height, scene.width
    )


def _render(scene: Scene, settings: RenderSettings, look: Look) -> tuple[Tensor, Tensor, Tensor]:
    job = _make_job(scene, settings, look)
    if job.num_frames == 0:
        empty = scene.verts.new_zeros(0, 4, scene.height, scene.width)
        visible = torch.zeros(0, len(scene.topology.faces), dtype=torch.bool)
        return empty[:, :3], empty[:, 3:], visible
    dtype = scene.verts.dtype
    # Rows of RGB triples: one texel is one memory access.
    texture = scene.texture.to(torch.float32).permute(0, 2, 3, 1)
    rgb, alpha, visible = _RenderFunction.apply(scene.verts.to(torch.float32), texture, job)
    return rgb.to(dtype), alpha.to(dtype), visible


@dataclass(frozen=True)
class _Job:
    """One call's frames and how they are shared out.

    Attributes:
        mesh: tables of the mesh.
        intrinsics: (S, 4) fx, fy, cx, cy, px.
        look: the numbers of the settings.
        size: of the workspace.
        image_size: rows and columns.
        frames_per_sample: consecutive frames that share texture and camera.
        frames_per_image: consecutive frames that are averaged.
    """

    mesh: MeshArrays
    intrinsics: F32
    look: Look
    size: WorkspaceSize
    image_size: tuple[int, int]
    frames_per_sample: int
    frames_per_image: int

    @property
    def num_frames(self) -> int:
        return self.size.num_frames

    @property
    def num_threads(self) -> int:
        return self.size.num_threads

    @property
    def num_images(self) -> int:
        return self.num_frames // self.frames_per_image

    def frames_of(self, thread: int) -> range:
        """The block of frames of a thread."""
        return range(
            thread * self.num_frames // self.num_threads,
            (thread + 1) * self.num_frames // self.num_threads,
        )

    def verts_of(self, verts: Tensor) -> F32:
        """Vertices as (M, V, 3) numpy array."""
        return verts.detach().contiguous().numpy().reshape(self.num_frames, self.size.num_verts, 3)

    def rasterise(self, verts: F32, frame: int, workspace: Workspace, thread: int) -> None:
        """First stage of every frame."""
        numba_raster.rasterise_frame(
            verts[frame],
            self.intrinsics[frame // self.frames_per_sample],
            self.mesh,
            np.float32(max(self.look.radius, self.look.margin_x, self.look.margin_y) + 2),
            workspace.scratches[thread],
            workspace.states[frame],
        )

    def soften(self, frame: int, workspace: Workspace, thread: int) -> None:
        """Second stage: the soft silhouette."""
        scratch, state = workspace.scratches[thread], workspace.states[frame]
        if not self.size.is_dibr:
            numba_silhouette.soften_silhouette(self.mesh, self.look, scratch, state)
            return
        while True:
            near = workspace.near_faces[frame]
            count = numba_dibr.soften_by_faces(self.mesh, self.look, scratch, state, near)
            if count >= 0:
                workspace.num_near[frame] = count
                return
            workspace.near_faces[frame] = make_near_faces(2 * len(near.pixel))

    def soften_backward(self, frame: int, workspace: Workspace, thread: int) -> None:
        """Gradient of the second stage."""
        scratch, state = workspace.scratches[thread], workspace.states[frame]
        if not self.size.is_dibr:
            numba_silhouette.soften_silhouette_backward(self.mesh, self.look, scratch, state)
            return
        numba_dibr.soften_by_faces_backward(
            self.mesh,
            self.look,
            scratch,
            state,
            workspace.near_faces[frame],
            workspace.num_near[frame],
        )


class _RenderFunction(torch.autograd.Function):
    """All frames of a job, forward and backward."""

    @staticmethod
    def forward(
        ctx: Any, verts: Tensor, texture: Tensor, job: _Job
    ) -> tuple[Tensor, Tensor, Tensor]:
        height, width = job.image_size
        arrays = job.verts_of(verts)
        texels = texture.detach().contiguous().numpy()
        lease = WorkspaceLease(job.size)
        rgb = _SharedSums(job, (3, height, width), job.frames_per_image)
        alpha = _SharedSums(job, (1, height, width), job.frames_per_image)
        visible = np.zeros((job.num_images, len(job.mesh.faces)), np.uint8)

        def work(thread: int) -> None:
            for frame in job.frames_of(thread):
                job.rasterise(arrays, frame, lease.workspace, thread)
                job.soften(frame, lease.workspace, thread)
                state, image = lease.workspace.states[frame], rgb.of(thread, frame)
                texture = texels[frame // job.frames_per_sample]
                numba_shading.shade_faces(
                    job.mesh,
                    texture,
                    job.look,
                    state,
                    image,
                    alpha.of(thread, frame)[0],
                    visible[frame // job.frames_per_image],
                )
                if job.look.is_coverage:
                    numba_edge_shading.shade_edges(job.mesh, texture, job.look, state, image)

        run_blocks(job.num_threads, work)
        if any(ctx.needs_input_grad):
            ctx.save_for_backward(verts, texture)
            ctx.job, ctx.lease, ctx.texels = job, lease, texels
        visible_faces = torch.from_numpy(visible.view(bool))
        ctx.mark_non_differentiable(visible_faces)
        return rgb.finish(), alpha.finish(), visible_faces

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
        texture_grad = _SharedSums(job, texels.shape[1:], job.frames_per_sample)

        def work(thread: int) -> None:
            scratch = workspace.scratches[thread]
            for frame in job.frames_of(thread):
                sample, image = frame // job.frames_per_sample, frame // job.frames_per_image
                scratch.screen_grad.fill(0)
                state, sums = workspace.states[frame], texture_grad.of(thread, frame)
                numba_shading.shade_faces_backward(
                    job.mesh,
                    texels[sample],
                    job.look,
                    state,
                    rgb_grads[image],
                    alpha_grads[image, 0],
                    scratch,
                    sums,
                )
                if job.look.is_coverage:
                    numba_edge_shading.shade_edges_backward(
                        job.mesh, texels[sample], job.look, state, rgb_grads[image], scratch, sums
                    )
                job.soften_backward(frame, workspace, thread)
                numba_raster.unproject_gradient(
                    arrays[frame],
                    job.intrinsics[sample],
                    state.screen,
                    scratch.screen_grad,
                    verts_grad[frame],
                )

        run_blocks(job.num_threads, work)
        return torch.from_numpy(verts_grad).reshape(verts.shape), texture_grad.finish(), None


class _SharedSums:
    """Sums over groups of consecutive frames, written by several threads without locks.

    A group belongs to the thread that starts it. Only the first group of a thread's block can have
    been started by the thread before; for it the thread has a sum of its own, added at the end.
    """

    def __init__(self, job: _Job, shape: Sequence[int], frames_per_group: int) -> None:
        self._frames_per_group = frames_per_group
        self._sums = torch.zeros(job.num_frames // frames_per_group, *shape)
        self._arrays = self._sums.numpy()
        self._extra: dict[int, tuple[int, F32]] = {}
        for thread in range(job.num_threads):
            start = job.frames_of(thread).start
            if start % frames_per_group:
                group = start // frames_per_group
                self._extra[thread] = (group, np.zeros(tuple(shape), np.float32))

    def of(self, thread: int, frame: int) -> F32:
        """Where this thread adds this frame."""
        group = frame // self._frames_per_group
        extra = self._extra.get(thread)
        return extra[1] if extra is not None and extra[0] == group else self._arrays[group]

    def finish(self) -> Tensor:
        """The sums, in order of the threads."""
        for group, extra in self._extra.values():
            self._arrays[group] += extra
        return self._sums


def _make_job(scene: Scene, settings: RenderSettings, look: Look) -> _Job:
    num_samples, frames_per_sample, num_verts, _ = scene.verts.shape
    num_frames = num_samples * frames_per_sample
    num_threads = min(settings.num_threads or count_processors(), max(num_frames, 1))
    size = WorkspaceSize(
        num_frames=num_frames,
        num_threads=num_threads,
        num_verts=num_verts,
        num_faces=len(scene.topology.faces),
        grid_height=scene.height + 2,
        grid_width=scene.width + 2,
        is_dibr=settings.mode == "dibr",
    )
    return _Job(
        mesh=_mesh_arrays(scene.topology),
        intrinsics=scene.intrinsics.to(torch.float32).numpy(),
        look=look,
        size=size,
        image_size=(scene.height, scene.width),
        frames_per_sample=frames_per_sample,
        frames_per_image=frames_per_sample if look.is_premultiplied else 1,
    )


def _look(scene: Scene, settings: RenderSettings, is_mean: bool) -> Look:
    """The settings as numbers; NDC is 2 units over the image on both axes."""
    height, width = scene.height, scene.width
    is_dibr, is_coverage = settings.mode == "dibr", settings.mode == "coverage"
    soft_radius = CONTOUR_CUTOFF_SIGMAS * settings.contour_sigma_px
    return Look(
        weight=np.float32(1.0 / scene.verts.shape[1] if is_mean else 1.0),
        is_coverage=is_coverage,
        is_premultiplied=is_mean,
        is_perspective=settings.perspective_correct,
        has_depth_gradient=settings.depth_gradient,
        radius=np.float32(COVERAGE_RADIUS_PX if is_coverage else soft_radius),
        contour_falloff=np.float32(0.5 / settings.contour_sigma_px**2),
        falloff_x=np.float32(settings.sigmainv * 4.0 / width**2),
        falloff_y=np.float32(settings.sigmainv * 4.0 / height**2),
        margin_x=np.float32(settings.boxlen * width / 2 if is_dibr else 0.0),
        margin_y=np.float32(settings.boxlen * height / 2 if is_dibr else 0.0),
        knum=settings.knum,
    )


def _mesh_arrays(topology: Topology) -> MeshArrays:
    """The tables in the kernels' dtypes, made once per topology."""
    arrays = _known_meshes.get(id(topology))
    if arrays is None:
        arrays = MeshArrays(
            faces=np.ascontiguousarray(topology.faces.numpy(), np.int32),
            corner_uv=np.ascontiguousarray(topology.corner_uv.numpy(), np.float32),
            edge_halves=np.ascontiguousarray(topology.edge_halves.numpy(), np.int32),
            edge_faces=np.ascontiguousarray(topology.edge_halves.numpy() // 3, np.int32),
        )
        _known_meshes[id(topology)] = arrays
        weakref.finalize(topology, _known_meshes.pop, id(topology), None)
    return arrays


_known_meshes: dict[int, MeshArrays] = {}
