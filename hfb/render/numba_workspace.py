"""Memory of the numba backend, used again from step to step, and its threads."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from hfb.render.numba_records import FrameState, NearFaces, Scratch

_MAX_IDLE_BYTES = 512 * 2**20
_FIRST_NEAR_FACES = 1 << 14


@dataclass(frozen=True)
class WorkspaceSize:
    """Everything that the size of a workspace depends on."""

    num_frames: int
    num_threads: int
    num_verts: int
    num_faces: int
    grid_height: int
    grid_width: int
    is_dibr: bool


@dataclass
class Workspace:
    """What the frames of one call keep for the backward pass, and room for each thread.

    Attributes:
        size: what it was made for.
        states: one a frame.
        scratches: one a thread.
        near_faces: one a frame, `dibr` only; replaced by longer ones when too short.
        num_near: how many entries of each are filled.
    """

    size: WorkspaceSize
    states: list[FrameState]
    scratches: list[Scratch]
    near_faces: list[NearFaces] = field(default_factory=list)
    num_near: list[int] = field(default_factory=list)

    @property
    def num_bytes(self) -> int:
        """Memory held."""
        records = [*self.states, *self.scratches, *self.near_faces]
        return sum(array.nbytes for record in records for array in record)


def make_near_faces(length: int = _FIRST_NEAR_FACES) -> NearFaces:
    """Room for the faces near the pixels of one `dibr` frame."""
    return NearFaces(
        np.empty(length, np.int32), np.empty(length, np.int32), np.empty(length, np.float32)
    )


def _make_workspace(size: WorkspaceSize) -> Workspace:
    grid = (size.grid_height, size.grid_width)
    states = [
        FrameState(
            screen=np.empty((size.num_verts, 3), np.float32),
            box=np.zeros(4, np.int64),
            face_id=np.empty(grid, np.int32),
            edge_id=np.empty((1, 1) if size.is_dibr else grid, np.int32),
            alpha=np.empty(grid, np.float32),
            edge_pixels=np.empty(0 if size.is_dibr else grid[0] * grid[1], np.int32),
            num_edge_pixels=np.zeros(1, np.int64),
        )
        for _ in range(size.num_frames)
    ]
    dibr_grid = grid if size.is_dibr else (1, 1)
    scratches = [
        Scratch(
            is_front=np.empty(size.num_faces + 1, np.uint8),
            depth=np.empty(grid, np.float32),
            alpha_grad=np.empty(grid, np.float32),
            screen_grad=np.empty((size.num_verts, 3), np.float32),
            open_bits=np.empty((dibr_grid[0], dibr_grid[1] // 64 + 2), np.uint64),
            num_near=np.empty(dibr_grid, np.int32),
        )
        for _ in range(size.num_threads)
    ]
    near_faces = [make_near_faces() for _ in range(size.num_frames if size.is_dibr else 0)]
    return Workspace(size, states, scratches, near_faces, [0] * len(near_faces))


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


def count_processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_blocks(num_threads: int, work: Callable[[int], None]) -> None:
    """Call `work(i)` for i below `num_threads` at the same time; the caller does the first.

    Python threads and kernels without the interpreter lock: numba's own parallel loops beside
    torch's thread pool make both spin and wait for each other.
    """
    futures = [_threads(num_threads - 1).submit(work, i) for i in range(1, num_threads)]
    try:
        work(0)
    finally:
        for future in futures:
            future.exception()  # wait, whatever happened
    for future in futures:
        future.result()


_pool: ThreadPoolExecutor | None = None
_pool_size = 0
_pool_lock = threading.Lock()


def _threads(count: int) -> ThreadPoolExecutor:
    """The shared pool, replaced by a larger one when more threads are asked for than before."""
    global _pool, _pool_size
    with _pool_lock:
        if _pool is None or _pool_size < count:
            old, _pool = _pool, ThreadPoolExecutor(count, thread_name_prefix="hfb-render")
            _pool_size = count
            if old is not None:
                old.shutdown(wait=False)
        return _pool


def _forget_threads() -> None:
    """A forked child has the pool's object but not its threads."""
    global _pool, _pool_size, _pool_lock
    _pool, _pool_size, _pool_lock = None, 0, threading.Lock()
    _shelf.__init__()  # type: ignore[misc]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)
