"""What one call of the warp backend draws, and the tables that its kernels share."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import warp as wp
from numpy.typing import NDArray
from torch import Tensor

from hfb.render.rim import rim_offsets
from hfb.render.scene import Scene
from hfb.render.settings import CONTOUR_CUTOFF_SIGMAS, OCCLUSION_STEP_PX, Mode, RenderSettings
from hfb.render.topology import Topology
from hfb.render.warp import contour, crossings, dibr, raster
from hfb.render.warp.compiled import array, device_of, launch
from hfb.render.warp.scene_arrays import EMPTY_KEY, Images, Job

_known_rims: dict[tuple[int, torch.device], Tensor] = {}


@dataclass(frozen=True)
class Plan:
    """What one call draws and how.

    Attributes:
        scene: what is drawn.
        settings: how.
        is_mean: the frames of a sample are averaged, else each is an image of its own.
    """

    scene: Scene
    settings: RenderSettings
    is_mean: bool

    @property
    def num_frames(self) -> int:
        """Sub-frames of all samples."""
        return self.scene.verts.shape[0] * self.scene.verts.shape[1]

    @property
    def frames_per_image(self) -> int:
        """Consecutive frames that are averaged."""
        return self.scene.verts.shape[1] if self.is_mean else 1

    @property
    def num_rim(self) -> int:
        """Pixels around one that are looked at for the colour of the rim."""
        return 0 if self.settings.mode != "dibr" else len(self._rim_offsets())

    def _rim_offsets(self) -> NDArray[np.int32]:
        return rim_offsets(self.settings, self.scene.height, self.scene.width)

    def rim(self, device: torch.device) -> Tensor:
        """(L, 2) int32 from `rim_offsets`, taken to a device once."""
        if not self.num_rim:
            return torch.empty(0, 2, dtype=torch.int32, device=device)
        key = (self.num_rim, device)  # each radius has a number of its own
        if key not in _known_rims:
            _known_rims[key] = torch.from_numpy(self._rim_offsets().copy()).to(device)
        return _known_rims[key]

    @property
    def grid(self) -> tuple[int, int, int]:
        """Shape of a table with an entry for each grid pixel of each frame."""
        return self.num_frames, self.scene.height + 2, self.scene.width + 2


@dataclass(frozen=True)
class Drawn:
    """A rasterised plan.

    Attributes:
        job: what all kernels get.
        tables: what those of the mode get beside it.
        face_id: grid, the visible faces; -1 where there is none.
        kept: the tensors whose memory the arrays use.
    """

    job: Any
    tables: tuple[Any, ...]
    face_id: Tensor
    kept: tuple[Tensor, ...]


def rasterise(plan: Plan, verts: Tensor, texels: Tensor) -> Drawn:
    """Project, and find the nearest face of each grid pixel.

    Args:
        plan: what is drawn.
        verts: (S, N, V, 3) float32, contiguous.
        texels: (S, TH, TW, 3) float32, contiguous.
    """
    device, num_frames, num_verts = device_of(verts), plan.num_frames, verts.shape[-2]
    mesh = _mesh_tensors(plan.scene.topology)
    num_faces = len(mesh[0])
    camera = plan.scene.intrinsics.float().contiguous()
    screen = verts.new_empty(num_frames, num_verts, 3)
    is_front = torch.empty(num_frames, num_faces + 1, dtype=torch.uint8, device=verts.device)
    nearest = torch.zeros(plan.grid, dtype=torch.int64, device=verts.device)
    face_id = torch.empty(plan.grid, dtype=torch.int32, device=verts.device)
    depth = verts.new_empty(plan.grid)
    job = _numbers(plan)
    job.verts = array(verts.reshape(num_frames, num_verts, 3), wp.vec3, device)
    job.intrinsics = array(camera, wp.vec4, device)
    job.texture = array(texels, wp.vec3, device)
    for name, table, dtype in zip(_MESH, mesh, (wp.int32, wp.vec2, wp.int32), strict=True):
        setattr(job, name, array(table, dtype, device))
    job.screen, job.is_front = array(screen, wp.vec3, device), array(is_front, wp.uint8, device)
    job.face_id, job.depth = array(face_id, wp.int32, device), array(depth, wp.float32, device)
    rim = plan.rim(verts.device)
    job.rim, job.num_rim = array(rim, wp.int32, device), plan.num_rim
    keys = array(nearest, wp.int64, device)
    launch(raster.project, (num_frames, num_verts), (job,), device)
    launch(raster.draw_faces, (num_frames, num_faces + 1), (job, keys), device)
    launch(raster.read_nearest, plan.grid, (job, keys), device)
    kept = (verts, texels, camera, *mesh, screen, is_front, face_id, depth, rim)
    return Drawn(job, (), face_id, kept)


def soften(plan: Plan, drawn: Drawn) -> Drawn:
    """Add the tables of the mode: what softens the silhouette.

    Args:
        plan: what is drawn.
        drawn: rasterised.
    """
    tables = _TABLES[plan.settings.mode](plan, drawn)
    device = device_of(drawn.face_id)
    arrays = tuple(array(table, dtype, device) for table, dtype in tables)
    kernel = _FILL[plan.settings.mode]
    count = len(drawn.kept[3 if plan.settings.mode == "dibr" else 5])  # faces or edges
    launch(kernel, (plan.num_frames, count), (drawn.job, *arrays), device)
    kept = (*drawn.kept, *(table for table, _ in tables))
    return Drawn(drawn.job, arrays, drawn.face_id, kept)


def make_images(rgb: Tensor, alpha: Tensor, seen: Tensor) -> Any:
    """Images, or the gradients of these, for the kernels.

    Args:
        rgb: (I, 3, H, W).
        alpha: (I, H, W).
        seen: (I, F) uint8.
    """
    images, device = Images(), device_of(rgb)
    images.rgb, images.alpha = array(rgb, wp.float32, device), array(alpha, wp.float32, device)
    images.is_visible = array(seen, wp.uint8, device)
    return images


def _numbers(plan: Plan) -> Any:
    """A job with the settings as numbers; NDC is 2 units over the image on both axes."""
    settings, height, width = plan.settings, plan.scene.height, plan.scene.width
    is_dibr = settings.mode == "dibr"
    job = Job()
    job.weight = 1.0 / plan.frames_per_image
    job.is_premultiplied = int(plan.is_mean)
    job.is_perspective = int(settings.perspective_correct)
    job.has_depth_gradient = int(settings.depth_gradient)
    job.frames_per_image = plan.frames_per_image
    job.frames_per_sample = plan.scene.verts.shape[1]
    job.occlusion_step = OCCLUSION_STEP_PX
    job.radius = CONTOUR_CUTOFF_SIGMAS * settings.contour_sigma_px
    job.falloff = 0.5 / settings.contour_sigma_px**2
    if is_dibr:
        job.falloff = settings.sigmainv * 4.0 / width**2
    job.falloff_y = settings.sigmainv * 4.0 / height**2
    job.margin_x, job.margin_y = settings.boxlen * width / 2, settings.boxlen * height / 2
    job.knum = settings.knum
    job.num_rim = 0
    return job


Tables = list[tuple[Tensor, Any]]


def _crossing_slots(plan: Plan, drawn: Drawn) -> Tables:
    slots = torch.full((*plan.grid, 4), EMPTY_KEY, device=drawn.face_id.device)
    return [(slots, wp.int64)]


def _nearest_edges(plan: Plan, drawn: Drawn) -> Tables:
    return [(torch.full(plan.grid, EMPTY_KEY, device=drawn.face_id.device), wp.int64)]


def _face_tiles(plan: Plan, drawn: Drawn) -> Tables:
    device, words = drawn.face_id.device, -(-len(plan.scene.topology.faces) // 32)
    tiles = (plan.num_frames, *(-(-size // dibr.TILE) for size in plan.grid[1:]))
    bits = torch.zeros(*tiles, words, dtype=torch.int32, device=device)
    used = torch.full((*tiles, 2), -1, dtype=torch.int32, device=device)
    used[..., 0] = words
    num_faces = len(plan.scene.topology.faces)
    boxes = torch.empty(plan.num_frames, num_faces, 4, device=device)
    size = (plan.num_frames, plan.scene.height, plan.scene.width)
    transparency = torch.empty(size, device=device)
    return [
        (boxes, wp.vec4),
        (bits, wp.uint32),
        (used, wp.int32),
        (transparency, wp.float32),
    ]


_TABLES: dict[Mode, Callable[[Plan, Drawn], Tables]] = {
    "coverage": _crossing_slots,
    "contour": _nearest_edges,
    "dibr": _face_tiles,
}
_FILL = {
    "coverage": crossings.find_crossings,
    "contour": contour.offer_edges,
    "dibr": dibr.mark_tiles,
}
_MESH = ("faces", "corner_uv", "edge_halves")


def _mesh_tensors(topology: Topology) -> tuple[Tensor, Tensor, Tensor]:
    """The tables in the kernels' types, made once per topology."""
    tensors = _known_meshes.get(id(topology))
    if tensors is None:
        tensors = (
            topology.faces.int().contiguous(),
            topology.corner_uv.float().contiguous(),
            topology.edge_halves.int().contiguous(),
        )
        _known_meshes[id(topology)] = tensors
        weakref.finalize(topology, _known_meshes.pop, id(topology), None)
    return tensors


_known_meshes: dict[int, tuple[Tensor, Tensor, Tensor]] = {}
