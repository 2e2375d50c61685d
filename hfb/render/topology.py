"""Which faces share an edge: worked out once per mesh and remembered."""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from hfb.errors import InputError

_REMEMBERED_MESHES = 8


@dataclass(frozen=True)
class Topology:
    """The tables of a mesh that do not change while it moves.

    A half-edge is an edge as one face walks it: number 3 f + i runs from corner i of face f to the
    next corner. An edge has two half-edges; where the mesh is open, the second is 3 F (no face).

    Attributes:
        faces: vertex indices.
        corner_uv: texture coordinates of each face corner.
        edge_halves: the two half-edges of each edge.
        num_verts: the smallest number of vertices that these faces can belong to.
    """

    faces: Int[Tensor, "F 3"]
    corner_uv: Float[Tensor, "F 3 2"]
    edge_halves: Int[Tensor, "E 2"]
    num_verts: int

    def on_device(self, device: torch.device) -> Topology:
        """The same tables on another device."""
        return Topology(
            self.faces.to(device),
            self.corner_uv.to(device),
            self.edge_halves.to(device),
            self.num_verts,
        )


def mesh_topology(
    faces: Int[Tensor, "F 3"], uv: Float[Tensor, "U 2"], faces_uv: Int[Tensor, "F 3"]
) -> Topology:
    """Tables of a mesh, from memory where these very tensors (or equal ones) were seen before.

    Args:
        faces: vertex indices, counter-clockwise seen from outside.
        uv: texture coordinates.
        faces_uv: indices into `uv`.

    Returns:
        The tables on the device of `faces`; `corner_uv` is float64 so that it serves every dtype.

    Raises:
        InputError: if an index is negative, an index of `faces_uv` has no entry in `uv`, or a
            texture coordinate is not finite.
    """
    return _memory.get(faces, uv, faces_uv)


def find_edges(faces: NDArray[np.int64]) -> NDArray[np.int64]:
    """The two half-edges of each edge, in order of the first.

    Where more than two faces meet in an edge (not a surface), they are paired in order of index.

    Args:
        faces: (F, 3) vertex indices.

    Returns:
        (E, 2) half-edge numbers 3 f + i; 3 F where there is no second face.
    """
    starts = faces.reshape(-1)
    ends = np.roll(faces, -1, axis=1).reshape(-1)
    low, high = np.minimum(starts, ends), np.maximum(starts, ends)
    order = np.lexsort((high, low))
    low, high = low[order], high[order]
    is_new = np.ones(len(order), dtype=bool)
    is_new[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    position = np.arange(len(order))
    group_start = np.maximum.accumulate(np.where(is_new, position, 0))
    first = np.flatnonzero((position - group_start) % 2 == 0)
    has_partner = np.zeros(len(first), dtype=bool)
    has_partner[first + 1 < len(order)] = True
    partner = np.minimum(first + 1, max(len(order) - 1, 0))
    has_partner &= ~is_new[partner]
    second = np.where(has_partner, order[partner], faces.size)
    pairs = np.stack([order[first], second], axis=1)
    return pairs[np.argsort(pairs[:, 0], kind="stable")]


def _build(faces: Tensor, uv: Tensor, faces_uv: Tensor) -> Topology:
    # A copy: the tables are found again by content, so they must not change with the caller's.
    faces_cpu = faces.detach().cpu().to(torch.int64, copy=True)
    faces_uv_cpu = faces_uv.detach().cpu().to(torch.int64)
    uv_cpu = uv.detach().cpu().to(torch.float64)
    if faces_cpu.numel() and int(faces_cpu.min()) < 0:
        raise InputError(f"faces holds the negative vertex index {int(faces_cpu.min())}")
    if faces_uv_cpu.numel():
        lowest, highest = int(faces_uv_cpu.min()), int(faces_uv_cpu.max())
        if lowest < 0 or highest >= len(uv_cpu):
            bad = lowest if lowest < 0 else highest
            raise InputError(f"faces_uv holds index {bad}, but uv has {len(uv_cpu)} entries")
    if not bool(torch.isfinite(uv_cpu).all()):
        raise InputError("uv holds a value that is not finite")
    return Topology(
        faces=faces_cpu,
        corner_uv=uv_cpu[faces_uv_cpu],
        edge_halves=torch.from_numpy(find_edges(faces_cpu.numpy())),
        num_verts=int(faces_cpu.max()) + 1 if faces_cpu.numel() else 0,
    ).on_device(faces.device)


class _Memory:
    """Recently used topologies, found by identity of the tensors first, by their content second.

    Identity costs nothing a step; content serves callers that rebuild equal tensors each step. An
    entry by identity holds weak references, so a new tensor at an old address is never mistaken.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_identity: OrderedDict[
            tuple[int, ...], tuple[tuple[weakref.ref[Tensor], ...], Topology]
        ] = OrderedDict()
        self._by_content: OrderedDict[tuple[str, torch.device], Topology] = OrderedDict()

    def get(self, *tensors: Tensor) -> Topology:
        identity = tuple(number for t in tensors for number in (id(t), _version(t)))
        with self._lock:
            entry = self._by_identity.get(identity)
        if entry is not None and all(ref() is t for ref, t in zip(entry[0], tensors, strict=True)):
            return entry[1]
        content = (_fingerprint(tensors), tensors[0].device)
        with self._lock:
            topology = self._by_content.get(content)
        if topology is None:
            topology = _build(*tensors)
        with self._lock:
            _remember(self._by_content, content, topology)
            _remember(
                self._by_identity, identity, (tuple(weakref.ref(t) for t in tensors), topology)
            )
        return topology


def _remember(memory: OrderedDict, key: object, value: object) -> None:  # type: ignore[type-arg]
    memory[key] = value
    memory.move_to_end(key)
    while len(memory) > _REMEMBERED_MESHES:
        memory.popitem(last=False)


def _version(tensor: Tensor) -> int:
    """Counts in-place edits; tensors made in inference mode have no count and cannot be edited."""
    return -1 if tensor.is_inference() else tensor._version


def _fingerprint(tensors: tuple[Tensor, ...]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for tensor in tensors:
        digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


_memory = _Memory()
