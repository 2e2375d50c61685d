"""How the numba backend shares the sub-frames of one call out to its threads."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hfb.processors import count_processors
from hfb.render.numba import frame as numba_frame
from hfb.render.numba.records import (
    F32,
    I32,
    FrameGrads,
    FrameInput,
    ImageSums,
    MeshArrays,
    RasterParams,
)
from hfb.render.numba.workspace import (
    Workspace,
    WorkspaceSize,
    make_boundary,
    make_near_faces,
)
from hfb.render.rim import rim_offsets
from hfb.render.scene import Scene
from hfb.render.settings import (
    CONTOUR_CUTOFF_SIGMAS,
    COVERAGE_RADIUS_PX,
    OCCLUSION_STEP_PX,
    RenderSettings,
)
from hfb.render.topology import Topology


@dataclass(frozen=True)
class Job:
    """One call's frames and how they are shared out.

    Attributes:
        mesh: tables of the mesh.
        intrinsics: (S, 4) fx, fy, cx, cy, px.
        params: the numbers of the settings.
        size: of the workspace.
        image_size: rows and columns.
        frames_per_sample: consecutive frames that share texture and camera.
        frames_per_image: consecutive frames that are averaged.
        rim: `dibr`: (L, 2) from `rim_offsets`.
    """

    mesh: MeshArrays
    intrinsics: F32
    params: RasterParams
    size: WorkspaceSize
    image_size: tuple[int, int]
    frames_per_sample: int
    frames_per_image: int
    rim: I32

    @property
    def num_frames(self) -> int:
        """Sub-frames of all samples."""
        return self.size.num_frames

    @property
    def num_threads(self) -> int:
        """Threads that share them."""
        return self.size.num_threads

    @property
    def num_images(self) -> int:
        """Images they are added up in."""
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

    def source(self, verts: F32, texels: F32, frame: int) -> FrameInput:
        """What one frame is drawn from."""
        sample = frame // self.frames_per_sample
        return FrameInput(verts[frame], self.intrinsics[sample], texels[sample])

    def draw(
        self, source: FrameInput, image: ImageSums, frame: int, thread: int, workspace: Workspace
    ) -> None:
        """Add one frame to its image."""
        buffers, state = workspace.thread_buffers[thread], workspace.states[frame]
        own = (source, self.mesh, self.params, buffers, state, image)
        if self.size.mode == "contour":
            numba_frame.draw_contour_frame(*own)
        elif self.size.mode == "dibr":
            while not numba_frame.draw_dibr_frame(*own, workspace.near_faces[frame], self.rim):
                num_pixels = 2 * len(workspace.near_faces[frame].pixel)
                workspace.near_faces[frame] = make_near_faces(self.size.knum, num_pixels)
        else:
            while not numba_frame.draw_coverage_frame(*own, workspace.boundaries[frame]):
                length = len(workspace.boundaries[frame].key)
                workspace.boundaries[frame] = make_boundary(2 * length)

    def draw_backward(
        self, source: FrameInput, grads: FrameGrads, frame: int, thread: int, workspace: Workspace
    ) -> None:
        """Gradients of one frame."""
        buffers, state = workspace.thread_buffers[thread], workspace.states[frame]
        own = (source, self.mesh, self.params, buffers, state, grads)
        if self.size.mode == "contour":
            numba_frame.draw_contour_frame_backward(*own)
        elif self.size.mode == "dibr":
            numba_frame.draw_dibr_frame_backward(*own, workspace.near_faces[frame])
        else:
            numba_frame.draw_coverage_frame_backward(*own, workspace.boundaries[frame])


class SharedSums:
    """Sums over groups of consecutive frames, written by several threads without locks.

    A group belongs to the thread that starts it. Only the first group of a thread's block can have
    been started by the thread before; for it the thread has a sum of its own, added at the end.
    """

    def __init__(self, job: Job, shape: Sequence[int], frames_per_group: int) -> None:
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


def make_job(scene: Scene, settings: RenderSettings, params: RasterParams) -> Job:
    """Plan the frames of a scene; with a mean, all frames of a sample go to one image."""
    num_samples, frames_per_sample, num_verts, _ = scene.verts.shape
    num_frames = num_samples * frames_per_sample
    num_threads = min(settings.num_threads or count_processors(), max(num_frames, 1))
    size = WorkspaceSize(
        num_frames=num_frames,
        num_threads=num_threads,
        num_verts=num_verts,
        num_faces=len(scene.topology.faces),
        num_edges=len(scene.topology.edge_halves),
        grid_height=scene.height + 2,
        grid_width=scene.width + 2,
        mode=settings.mode,
        knum=params.knum,
    )
    return Job(
        mesh=_mesh_arrays(scene.topology),
        intrinsics=scene.intrinsics.to(torch.float32).numpy(),
        params=params,
        size=size,
        image_size=(scene.height, scene.width),
        frames_per_sample=frames_per_sample,
        frames_per_image=frames_per_sample if params.is_premultiplied else 1,
        rim=np.array(rim_offsets(settings, scene.height, scene.width)),
    )


def make_raster_params(scene: Scene, settings: RenderSettings, is_mean: bool) -> RasterParams:
    """The settings as numbers; NDC is 2 units over the image on both axes."""
    height, width = scene.height, scene.width
    is_dibr, is_coverage = settings.mode == "dibr", settings.mode == "coverage"
    soft_radius = CONTOUR_CUTOFF_SIGMAS * settings.contour_sigma_px
    return RasterParams(
        weight=np.float32(1.0 / scene.verts.shape[1] if is_mean else 1.0),
        is_coverage=is_coverage,
        is_premultiplied=is_mean,
        is_perspective=settings.perspective_correct,
        has_depth_gradient=settings.depth_gradient,
        radius=np.float32(COVERAGE_RADIUS_PX if is_coverage else soft_radius),
        occlusion_step=np.float32(OCCLUSION_STEP_PX),
        contour_falloff=np.float32(0.5 / settings.contour_sigma_px**2),
        falloff_x=np.float32(settings.sigmainv * 4.0 / width**2),
        falloff_y=np.float32(settings.sigmainv * 4.0 / height**2),
        margin_x=np.float32(settings.boxlen * width / 2 if is_dibr else 0.0),
        margin_y=np.float32(settings.boxlen * height / 2 if is_dibr else 0.0),
        knum=max(min(settings.knum, len(scene.topology.faces)), 1) if is_dibr else 0,
    )


def _mesh_arrays(topology: Topology) -> MeshArrays:
    """The tables in the kernels' dtypes, made once per topology."""
    arrays = _known_meshes.get(id(topology))
    if arrays is None:
        arrays = MeshArrays(
            faces=np.ascontiguousarray(topology.faces.numpy(), np.uint32),
            corner_uv=np.ascontiguousarray(topology.corner_uv.numpy(), np.float32),
            edge_halves=np.ascontiguousarray(topology.edge_halves.numpy(), np.uint32),
            edge_faces=np.ascontiguousarray(topology.edge_halves.numpy() // 3, np.uint32),
        )
        _known_meshes[id(topology)] = arrays
        weakref.finalize(topology, _known_meshes.pop, id(topology), None)
    return arrays


_known_meshes: dict[int, MeshArrays] = {}
