"""A body's skinning weights and pose blend shapes as sparse rows, for the compiled loops."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float32]
Indices = NDArray[np.int32]


class SkinningTables(NamedTuple):
    """A body's constants as compressed rows, one row a vertex (numba takes named tuples).

    Attributes:
        parents: (J,) parent of each joint, -1 for the root.
        weight_start: (V+1,) where each vertex's entries of the next two begin.
        weight_joint: joints that move the vertex.
        weight_value: their skinning weights.
        offset_start: (V+1,) where each vertex's entries of the next two begin.
        offset_joint: body joints (root not counted) whose rotation corrects the vertex.
        offset_value: (entries, 9, 3) displacement per entry of rotation minus identity, m.
    """

    parents: Indices
    weight_start: Indices
    weight_joint: Indices
    weight_value: Array
    offset_start: Indices
    offset_joint: Indices
    offset_value: Array


def make_tables(weights: Tensor, posedirs: Tensor, parents: tuple[int, ...]) -> SkinningTables:
    """Compress the constants of a body.

    Args:
        weights: (V, J) skinning weights.
        posedirs: (9·(J-1), V·3) pose blend shapes as smplx keeps them, m.
        parents: parent of each joint, -1 for the root.

    Returns:
        The tables that `skin_frames` needs.
    """
    dense = weights.detach().cpu().numpy().astype(np.float32)
    vertex, joint = np.nonzero(dense)
    blocks = posedirs.detach().cpu().numpy().astype(np.float32)
    blocks = blocks.reshape(len(parents) - 1, 9, len(dense), 3).transpose(2, 0, 1, 3)
    corrected, by = np.nonzero((blocks != 0).any(axis=(2, 3)))
    return SkinningTables(
        parents=np.array(parents, np.int32),
        weight_start=_row_starts(vertex, len(dense)),
        weight_joint=joint.astype(np.int32),
        weight_value=np.ascontiguousarray(dense[vertex, joint]),
        offset_start=_row_starts(corrected, len(dense)),
        offset_joint=by.astype(np.int32),
        offset_value=np.ascontiguousarray(blocks[corrected, by]),
    )


def _row_starts(row_of_entry: NDArray[np.int64], num_rows: int) -> Indices:
    counts = np.bincount(row_of_entry, minlength=num_rows)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
