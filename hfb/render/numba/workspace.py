"""Memory of the numba backend, used again from step to step, and its threads."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from hfb.render.numba.dibr import LANE_ROWS, LANES
from hfb.render.numba.near_faces import BLOCK
from hfb.render.numba.records import Boundary, FrameState, NearFaces, ThreadBuffers
from hfb.render.settings import Mode

_MAX_IDLE_BYTES = 512 * 2**20
_FIRST_NEAR_FACES = 1 << 16
_FIRST_CROSSINGS = 1 << 13


@dataclass(frozen=True)
class WorkspaceSize:
    """Everything that the size of a workspace depends on.

    `knum` is `dibr`'s largest number of faces a pixel, 0 in the other modes.
    """

    num_frames: int
    num_threads: int
    num_verts: int
    num_faces: int
    num_edges: int
    grid_height: int
    grid_width: int
    mode: Mode
    knum: int


@dataclass
class Workspace:
    """What the frames of one call keep for the backward pass, and room for each thread.

    Attributes:
        size: what it was made for.
        states: one a frame.
        thread_buffers: one a thread.
        near_faces: one a frame, `dibr` only; replaced by longer ones when too short.
        boundaries: the same for `coverage`.
    """

    size: WorkspaceSize
    states: list[FrameState]
    thread_buffers: list[ThreadBuffers]
    near_faces: list[NearFaces]
    boundaries: list[Boundary]

    @property
    def num_bytes(self) -> int:
        """Memory held."""
        records = [*self.states, *self.thread_buffers, *self.near_faces, *self.boundaries]
        return sum(array.nbytes for record in records for array in record)


def make_near_faces(knum: int, num_pixels: int | None = None) -> NearFaces:
    """Room for up to `knum` faces near each of so many pixels of one `dibr` frame."""
    num_pixels = num_pixels or max(_FIRST_NEAR_FACES // knum, 1)
    length = knum * num_pixels
    return NearFaces(
        pixel=np.empty(num_pixels, np.uint32),
        num_faces=np.empty(num_pixels, np.uint32),
        half_edge=np.empty(length, np.uint32),
        along=np.empty(length, np.float32),
        pull_x=np.empty(length, np.float32),
        pull_y=np.empty(length, np.float32),
        source=np.empty(num_pixels, np.int32),
        colour_pull=np.empty(num_pixels, np.float32),
        length=np.zeros(1, np.int64),
    )


def make_boundary(length: int = _FIRST_CROSSINGS) -> Boundary:
    """Room for the soft edges of one `coverage` frame; a crossing touches two pixels."""
    return Boundary(
        key=np.empty(length, np.uint32),
        half_edge=np.empty(length, np.uint32),
        offset=np.empty(length, np.float32),
        kind=np.empty(length, np.uint8),
        links=np.empty((2 * length, 8), np.int32),
        pixel=np.empty(2 * length, np.uint32),
        first=np.empty(2 * length, np.int32),
        second=np.empty(2 * length, np.int32),
        back_pixel=np.empty(2 * length, np.int32),
        share=np.empty(2 * length, np.float32),
        offset_grad=np.empty(length, np.float32),
        share_grad=np.empty(2 * length, np.float32),
        lengths=np.zeros(2, np.int64),
    )


def _make_workspace(size: WorkspaceSize) -> Workspace:
    grid = (size.grid_height, size.grid_width)
    contour_grid = grid if size.mode == "contour" else (1, 1)
    dibr_grid = grid if size.mode == "dibr" else (1, 1)
    states = [
        FrameState(
            screen=np.empty((size.num_verts, 3), np.float32),
            box=np.zeros(4, np.int64),
            face_id=np.empty(grid, np.int32),
            alpha=np.empty(contour_grid, np.float32),
            transparency=np.empty(dibr_grid, np.float32),
            edge_id=np.empty(contour_grid, np.int32),
        )
        for _ in range(size.num_frames)
    ]
    return Workspace(
        size=size,
        states=states,
        thread_buffers=[_make_scratch(size) for _ in range(size.num_threads)],
        near_faces=[make_near_faces(size.knum) for _ in states if size.mode == "dibr"],
        boundaries=[make_boundary() for _ in states if size.mode == "coverage"],
    )


def _make_scratch(size: WorkspaceSize) -> ThreadBuffers:
    grid = (size.grid_height, size.grid_width)
    dibr_grid = grid if size.mode == "dibr" else (1, 1)
    lanes = np.zeros(LANE_ROWS * LANES, np.float32)
    place_grid = grid if size.mode == "coverage" else (1, 1)
    return ThreadBuffers(
        is_front=np.empty(size.num_faces + 1, np.uint8),
        candidates=np.empty(size.num_faces + 1, np.uint32),
        silhouette=np.empty(size.num_edges + 1, np.uint32),
        depth=np.empty(grid, np.float32),
        place=np.full(place_grid, -1, np.int32),
        screen_grad=np.empty((size.num_verts, 3), np.float32),
        open_ahead=np.zeros((dibr_grid[0] + BLOCK) * dibr_grid[1], np.uint8),
        slot=np.empty(dibr_grid[0] * dibr_grid[1], np.int32),
        lanes=lanes,
        lane_bits=lanes.view(np.int32),
        row_x=np.empty(size.grid_width, np.uint32),
        row=np.empty((size.grid_width, 7), np.float32),
    )


class WorkspaceLease:
    """One workspace for as long as its gradient may be asked for; then it goes back on the shelf.

    Fresh memory costs more than it seems: the system hands out each page on first touch.
    """

    def __init__(self, size: WorkspaceSize) -> None:
        self.workspace = _shelf.take(size)

    def __del__(self) -> None:
        _shelf.put(self.workspace)


class _Shelf:
    """Idle workspaces, the least recently used thrown away first."""

    def __init__(self) -> None:
        # A lease can end inside another lease's allocation (garbage collection), hence reentrant.
        self._lock = threading.RLock()
        self._idle: OrderedDict[int, Workspace] = OrderedDict()

    def take(self, size: WorkspaceSize) -> Workspace:
        with self._lock:
            for key, workspace in reversed(self._idle.items()):
                if workspace.size == size:
                    return self._idle.pop(key)
        return _make_workspace(size)

    def put(self, workspace: Workspace) -> None:
        with self._lock:
            self._idle[id(workspace)] = workspace
            held = sum(w.num_bytes for w in self._idle.values())
            while held > _MAX_IDLE_BYTES:
                _, oldest = self._idle.popitem(last=False)
                held -= oldest.num_bytes


_shelf = _Shelf()


if hasattr(os, "register_at_fork"):
    # A forked child has the shelf, but nobody will give back what is lent.
    os.register_at_fork(after_in_child=lambda: _shelf.__init__())  # type: ignore[misc]
