"""Symmetric half-edge decimation that keeps UV seams.

Vertices are only removed, never moved, so shapes, weights and UVs of those that stay are kept by
indexing. The cost of a removal is Garland and Heckbert's quadric error, averaged over several poses
so that joints keep the edges they bend along. Every removal is done on both sides of the body.
"""

from __future__ import annotations

import heapq

import numpy as np

from free_body.skeleton import Array, Indices
from free_body.source import NDFloat

# A small preference for short edges; the rest are limits of what a collapse may do.
_LENGTH_COST = 2e-4
_LEAST_NORMAL_COSINE = 0.2
_LEAST_HEIGHT_TO_LENGTH = 0.12
_MIDLINE = -1e-6


class Decimator:
    """Half-edge collapses on a closed, mirror-symmetric mesh.

    Args:
        poses: (K, V, 3) the mesh in K poses, m; symmetric about x = 0.
        faces: (F, 3).
        faces_uv: (F, 3).
        uv: (U, 2).
        mirror: (V,) the vertex on the other side.
        weight: (V,) factor on the cost of removing each vertex.
    """

    def __init__(
        self,
        poses: Array,
        faces: Indices,
        faces_uv: Indices,
        uv: NDFloat,
        mirror: Indices,
        weight: Array,
    ) -> None:
        self.poses, self.uv, self.mirror, self.weight = poses, uv, mirror, weight
        num_verts = poses.shape[1]
        self.faces = {f: tuple(face) for f, face in enumerate(faces.tolist())}
        self.faces_uv = {f: tuple(face) for f, face in enumerate(faces_uv.tolist())}
        self.faces_of: list[set[int]] = [set() for _ in range(num_verts)]
        for f, face in self.faces.items():
            for vertex in face:
                self.faces_of[vertex].add(f)
        self.quadrics = _quadrics(poses, faces)
        self.homogeneous = np.concatenate([poses, np.ones((*poses.shape[:2], 1))], -1)
        self.stamp = np.zeros(num_verts, int)
        self.heap: list[tuple[float, int, int, int]] = []

    def run(self, num_faces: int) -> tuple[Indices, Indices]:
        """Remove vertices until `num_faces` are left, or none can go.

        Returns:
            faces (F, 3) and faces_uv (F, 3), with the original indices.
        """
        for vertex in range(len(self.faces_of)):
            if self.faces_of[vertex] and self._left(vertex) == vertex:
                self._push(vertex)
        while len(self.faces) > num_faces and self.heap:
            _, u, v, stamp = heapq.heappop(self.heap)
            gone = not self.faces_of[u] or not self.faces_of[v]
            if gone or stamp != self.stamp[u] + self.stamp[v]:
                continue
            if self._collapse_both_sides(u, v, len(self.faces) - num_faces):
                for near in {v} | self._neighbours(v):
                    if self.faces_of[self._left(near)]:
                        self._push(self._left(near))
        order = sorted(self.faces)
        return (
            np.array([self.faces[f] for f in order]),
            np.array([self.faces_uv[f] for f in order]),
        )

    def _left(self, vertex: int) -> int:
        on_left = self.poses[0, vertex, 0] >= _MIDLINE
        return vertex if on_left else int(self.mirror[vertex])

    def _neighbours(self, vertex: int) -> set[int]:
        return {v for f in self.faces_of[vertex] for v in self.faces[f]} - {vertex}

    def _push(self, u: int) -> None:
        for v in self._neighbours(u):
            stamp = int(self.stamp[u] + self.stamp[v])
            heapq.heappush(self.heap, (self._cost(u, v), u, v, stamp))

    def _cost(self, u: int, v: int) -> float:
        """Cost of moving u onto v."""
        quadric, point = self.quadrics[:, u] + self.quadrics[:, v], self.homogeneous[:, v]
        error = np.einsum("ki,kij,kj->k", point, quadric, point).mean()
        length = np.linalg.norm(self.poses[0, u] - self.poses[0, v])
        return float((abs(error) + _LENGTH_COST * length**3) * self.weight[u])

    def _collapse_both_sides(self, u: int, v: int, surplus: int) -> bool:
        mirror_u, mirror_v = int(self.mirror[u]), int(self.mirror[v])
        if mirror_u == u:  # on the midline: only along it
            if mirror_v != v:
                return False
            return self._collapse(u, v)
        # two collapses take four faces
        if surplus < 4 or mirror_u in (u, v) or mirror_u == v:
            return False
        if self._uv_moves(u, v) is None or self._uv_moves(mirror_u, mirror_v) is None:
            return False
        if mirror_u in self._neighbours(u):
            return False
        self._collapse(u, v)
        if not self._collapse(mirror_u, mirror_v):
            raise RuntimeError(f"removing vertex {u} made its mirror image {mirror_u} irremovable")
        return True

    def _collapse(self, u: int, v: int) -> bool:
        moves = self._uv_moves(u, v)
        if moves is None:
            return False
        for f in [f for f in self.faces_of[u] if v in self.faces[f]]:
            for vertex in self.faces[f]:
                self.faces_of[vertex].discard(f)
            del self.faces[f], self.faces_uv[f]
        for f in self.faces_of[u]:
            self.faces[f] = tuple(v if vertex == u else vertex for vertex in self.faces[f])
            self.faces_uv[f] = tuple(moves.get(place, place) for place in self.faces_uv[f])
            self.faces_of[v].add(f)
        self.faces_of[u] = set()
        self.quadrics[:, v] += self.quadrics[:, u]
        self.stamp[u] += 1
        self.stamp[v] += 1
        return True

    def _uv_place(self, f: int, vertex: int) -> int:
        return self.faces_uv[f][self.faces[f].index(vertex)]

    def _uv_moves(self, u: int, v: int) -> dict[int, int] | None:
        """Where u's UV corners go if u moves onto v; None if the mesh or its UVs would break."""
        shared = [f for f in self.faces_of[u] if v in self.faces[f]]
        # the link condition: the surface stays a manifold
        if len(shared) != 2 or len(self._neighbours(u) & self._neighbours(v)) != 2:
            return None
        places = {self._uv_place(f, u) for f in self.faces_of[u]}
        moves = {self._uv_place(f, u): self._uv_place(f, v) for f in shared}
        ends = {self._uv_place(f, v) for f in shared}
        # inside a chart, u and v have one corner each; on a seam both have two, and only along it
        inside, seam = len(places) == 1 and len(ends) == 1, len(places) == 2 and len(moves) == 2
        if not (inside or seam) or set(moves) != places:
            return None
        rest = [f for f in self.faces_of[u] if f not in shared]
        return moves if all(self._face_survives(f, u, v, moves) for f in rest) else None

    def _face_survives(self, f: int, u: int, v: int, moves: dict[int, int]) -> bool:
        """Whether a face keeps its side up, in every pose and in the texture, and no sliver."""
        face, places = self.faces[f], self.faces_uv[f]
        i = face.index(u)
        a, b = face[(i + 1) % 3], face[(i + 2) % 3]
        at = self.poses
        before = np.cross(at[:, a] - at[:, u], at[:, b] - at[:, u])
        after = np.cross(at[:, a] - at[:, v], at[:, b] - at[:, v])
        size = np.linalg.norm(after, axis=1)
        limit = _LEAST_NORMAL_COSINE * np.linalg.norm(before, axis=1) * size
        if ((before * after).sum(1) < limit).any():
            return False
        rest = at[0]
        edges = (rest[a] - rest[v], rest[b] - rest[v], rest[a] - rest[b])
        longest = max(np.linalg.norm(edge) for edge in edges)
        if size[0] < _LEAST_HEIGHT_TO_LENGTH * longest * longest:
            return False
        uv_a, uv_b = self.uv[places[(i + 1) % 3]], self.uv[places[(i + 2) % 3]]
        old, new = self.uv[places[i]], self.uv[moves[places[i]]]
        return bool(_area(old, uv_a, uv_b) * _area(new, uv_a, uv_b) > 0)


def _area(a: NDFloat, b: NDFloat, c: NDFloat) -> float:
    """Twice the signed area of a triangle in the plane."""
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))


def _quadrics(poses: Array, faces: Indices) -> Array:
    """(K, V, 4, 4) sum of the squared distances to the planes around each vertex, by area."""
    corners = poses[:, faces]
    normal = np.cross(corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0])
    area = np.linalg.norm(normal, axis=-1, keepdims=True)
    normal = normal / (area + 1e-15)
    offset = -(normal * corners[:, :, 0]).sum(-1, keepdims=True)
    plane = np.concatenate([normal, offset], -1)
    per_face = plane[..., :, None] * plane[..., None, :] * area[..., None]
    quadrics = np.zeros((*poses.shape[:2], 4, 4))
    for pose in range(len(poses)):
        for corner in range(3):
            np.add.at(quadrics[pose], faces[:, corner], per_face[pose])
    return quadrics
