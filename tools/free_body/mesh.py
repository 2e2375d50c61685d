"""From quads with holes to one closed triangle mesh."""

from __future__ import annotations

import numpy as np

from free_body.skeleton import Indices
from free_body.source import NDFloat, Source


def close_and_triangulate(source: Source) -> tuple[Indices, Indices]:
    """Drop the inner cavities, close eyelids and lips, split quads along the shorter diagonal.

    Args:
        source: the raw body.

    Returns:
        faces (F, 3) and faces_uv (F, 3), counter-clockwise from outside, closed.
    """
    import torch

    keep = np.ones(len(source.quads), bool)
    keep[source.cavity_faces] = False
    quads, quads_uv = source.quads[keep], source.quads_uv[keep]
    caps = [cap for loop in boundary_loops(quads) for cap in zip_loop(loop, source.verts)]
    uv_of_vertex: dict[int, int] = {}  # seen from the kept side of the loop
    for quad, places in zip(quads.tolist(), quads_uv.tolist(), strict=True):
        for vertex, place in zip(quad, places, strict=True):
            uv_of_vertex.setdefault(vertex, place)
    edited, edited_uv = source.edit_faces(torch.as_tensor(quads), torch.as_tensor(quads_uv))
    quads, quads_uv = edited.numpy(), edited_uv.numpy()
    first = _diagonal(quads, source.verts, 0, 2)
    second = _diagonal(quads, source.verts, 1, 3)
    shorter = first <= second + 1e-7  # the slack keeps mirrored quads alike
    faces, faces_uv = _split(quads, shorter), _split(quads_uv, shorter)
    taken = {edge for face in faces.tolist() for edge in _edges(tuple(face))}
    # shared edges must run the other way round in the caps
    turned = [cap[::-1] if any(e in taken for e in _edges(cap)) else cap for cap in caps]
    caps_uv = [[uv_of_vertex[vertex] for vertex in cap] for cap in turned]
    return np.concatenate([faces, np.array(turned)]), np.concatenate([faces_uv, np.array(caps_uv)])


def boundary_loops(faces: Indices) -> list[list[int]]:
    """Closed walks along edges that have a face on one side only.

    Args:
        faces: (F, 3 or 4) vertex indices.

    Returns:
        Vertices of each hole's rim, against the faces' direction.
    """
    edges = {edge for face in faces.tolist() for edge in _edges(tuple(face))}
    following = {b: a for a, b in edges if (b, a) not in edges}
    loops = []
    while following:
        start = next(iter(following))
        loop, current = [start], following.pop(start)
        while current != start:
            loop.append(current)
            current = following.pop(current)
        loops.append(loop)
    return loops


def zip_loop(loop: list[int], verts: NDFloat) -> list[tuple[int, int, int]]:
    """Close a slit: triangles between its upper and lower lip, from corner to corner.

    Args:
        loop: vertices of the rim.
        verts: (V, 3) positions, m; the corners are the outermost along x.

    Returns:
        Triangles, not yet oriented.
    """
    x = verts[loop, 0]
    size, left, right = len(loop), int(np.argmin(x)), int(np.argmax(x))
    upper = [loop[(left + k) % size] for k in range((right - left) % size + 1)]
    lower = [loop[(left - k) % size] for k in range((left - right) % size + 1)]
    triangles, i, j = [], 0, 0
    while i < len(upper) - 1 or j < len(lower) - 1:
        advance_upper = j == len(lower) - 1 or (
            i < len(upper) - 1
            and np.linalg.norm(verts[upper[i + 1]] - verts[lower[j]])
            <= np.linalg.norm(verts[upper[i]] - verts[lower[j + 1]])
        )
        triangle = (upper[i], lower[j], upper[i + 1] if advance_upper else lower[j + 1])
        i, j = (i + 1, j) if advance_upper else (i, j + 1)
        if len(set(triangle)) == 3:  # both lips share their corners
            triangles.append(triangle)
    return triangles


def _edges(face: tuple[int, ...]) -> list[tuple[int, int]]:
    return [(face[k], face[(k + 1) % len(face)]) for k in range(len(face))]


def _diagonal(quads: Indices, verts: NDFloat, start: int, end: int) -> NDFloat:
    return np.linalg.norm(verts[quads[:, start]] - verts[quads[:, end]], axis=1)


def _split(quads: Indices, along_first: np.ndarray) -> Indices:
    one, other = quads[along_first], quads[~along_first]
    halves = (one[:, [0, 1, 2]], one[:, [0, 2, 3]], other[:, [0, 1, 3]], other[:, [1, 2, 3]])
    return np.concatenate(halves)
