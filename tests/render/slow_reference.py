"""The renderer written as slowly and plainly as possible, from geometry in space.

Colours come from rays that hit triangles in 3D, silhouettes from edges found by counting in a
dictionary. Nothing is shared with the product's code.
"""

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from hfb.structures import Camera, Mesh

Array = NDArray[np.float64]


class SlowFrame:
    """One sub-frame of one sample without leading axes."""

    def __init__(self, mesh: Mesh, camera: Camera, frame: int = 0) -> None:
        self.verts = mesh.verts[frame].detach().double().numpy()
        self.faces = mesh.faces.numpy()
        self.corner_uv = mesh.uv.double().numpy()[mesh.faces_uv.numpy()]
        self.texture = mesh.texture.detach().double().numpy()
        self.focal = camera.focal.double().numpy()
        self.centre = camera.principal_point.double().numpy()
        self.height, self.width = camera.height, camera.width
        self.points = self.verts[:, :2] / self.verts[:, 2:] * self.focal + self.centre
        corners = self.points[self.faces]
        area = _cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        self.is_front = (area < 0) & (self.verts[self.faces][..., 2].min(1) >= 0.05)
        # One pixel more on each side: what lies just outside the image shapes its silhouette.
        self.face_id = np.full((self.height + 2, self.width + 2), -1)
        for y in range(-1, self.height + 1):
            for x in range(-1, self.width + 1):
                self.face_id[y + 1, x + 1] = self._nearest_face(x + 0.5, y + 0.5)

    def covered(self) -> NDArray[np.bool_]:
        return self.face_id[1:-1, 1:-1] >= 0

    def render(self, mode: str, sigma: float = 1.0) -> tuple[Array, Array]:
        """Straight colour (H, W, 3) and silhouette (H, W), for `coverage` and `contour`."""
        rgb, alpha = np.zeros((self.height, self.width, 3)), np.zeros((self.height, self.width))
        edges = self._silhouette_edges()
        for y in range(self.height):
            for x in range(self.width):
                point = np.array([x + 0.5, y + 0.5])
                face = self.face_id[y + 1, x + 1]
                alpha[y, x] = face >= 0
                if face >= 0:
                    rgb[y, x] = self._look_up(self._ray_uv(face, point))
                near = self._nearest_edge(
                    edges, point, x, y, mode, 0.5 if mode == "coverage" else 4 * sigma
                )
                if near is None:
                    continue
                distance, face_of_edge, a, b, foot = near
                if mode == "contour":
                    alpha[y, x] = np.exp(-0.5 * (distance / sigma) ** 2)
                else:
                    alpha[y, x] = 0.5 + (distance if face >= 0 else -distance)
                    if face < 0:
                        rgb[y, x] = self._look_up(self._edge_uv(face_of_edge, a, b, foot))
        return rgb, alpha

    def dibr_mask(self, sigmainv: float = 7000.0, boxlen: float = 0.02, knum: int = 30) -> Array:
        size = np.array([self.width, self.height])
        ndc = (self.points / size * 2 - 1) * np.array([1, -1])
        corners = ndc[self.faces]
        low, high = corners.min(1) - boxlen, corners.max(1) + boxlen
        drawable = self.verts[self.faces][..., 2].min(1) >= 0.05
        mask = self.covered().astype(np.float64)
        for y, x in zip(*np.nonzero(mask == 0), strict=True):
            point = (np.array([x + 0.5, y + 0.5]) / size * 2 - 1) * np.array([1, -1])
            holds = ((point >= low) & (point < high)).all(1) & drawable
            rest = 1.0
            for face in np.flatnonzero(holds)[:knum]:
                distance = min(
                    np.linalg.norm(
                        point - _foot(point, corners[face, i], corners[face, (i + 1) % 3])
                    )
                    for i in range(3)
                )
                rest *= 1 - np.exp(-sigmainv * distance**2)
            mask[y, x] = 1 - rest
        return mask

    def _nearest_face(self, x: float, y: float) -> int:
        best, best_depth = -1, np.inf
        for face in np.flatnonzero(self.is_front):
            hit = self._hit(face, np.array([x, y]))
            if hit[0] < best_depth and hit[1].min() >= 0:
                best, best_depth = face, hit[0]
        return best

    def _hit(self, face: int, point: Array) -> tuple[float, Array]:
        """Depth and barycentric coordinates in space where the ray meets the face's plane."""
        ray = np.append((point - self.centre) / self.focal, 1.0)
        weights = np.linalg.solve(self.verts[self.faces[face]].T, ray)
        depth = 1 / weights.sum()
        return depth, weights * depth

    def _ray_uv(self, face: int, point: Array) -> Array:
        return self._hit(face, point)[1] @ self.corner_uv[face]

    def _edge_uv(self, face: int, a: int, b: int, foot: Array) -> Array:
        """Texture coordinates of the point of edge a-b in space that is seen at `foot`."""
        ray = (foot - self.centre) / self.focal
        start = self.verts[self.faces[face, a]]
        step = self.verts[self.faces[face, b]] - start
        # (start + t step) projects to the ray: two equations for t, solved together
        lhs, rhs = step[:2] - ray * step[2], ray * start[2] - start[:2]
        t = lhs @ rhs / (lhs @ lhs)
        return (1 - t) * self.corner_uv[face, a] + t * self.corner_uv[face, b]

    def _look_up(self, uv: Array) -> Array:
        rows, columns = self.texture.shape[1:]
        x = np.clip(uv[0] * columns - 0.5, 0, columns - 1)
        y = np.clip((1 - uv[1]) * rows - 0.5, 0, rows - 1)
        left, top = int(x), int(y)
        colour = np.zeros(3)
        for row, row_share in ((top, 1 - (y - top)), (top + 1, y - top)):
            for column, share in ((left, 1 - (x - left)), (left + 1, x - left)):
                colour += (
                    row_share
                    * share
                    * self.texture[:, min(row, rows - 1), min(column, columns - 1)]
                )
        return colour

    def _silhouette_edges(self) -> list[tuple[int, int, int]]:
        """(face, corner, next corner) of the front face where it meets no other front face."""
        users = defaultdict(list)
        for face, triple in enumerate(self.faces):
            for i in range(3):
                users[frozenset((triple[i], triple[(i + 1) % 3]))].append((face, i))
        edges = []
        for sides in users.values():
            front = [side for side in sides if self.is_front[side[0]]]
            if len(front) == 1:
                edges.append((front[0][0], front[0][1], (front[0][1] + 1) % 3))
        return edges

    def _nearest_edge(
        self,
        edges: list[tuple[int, int, int]],
        point: Array,
        x: int,
        y: int,
        mode: str,
        radius: float,
    ) -> tuple[float, int, int, int, Array] | None:
        best = None
        for face, a, b in sorted(edges, key=lambda e: 3 * e[0] + e[1]):
            start, end = self.points[self.faces[face, a]], self.points[self.faces[face, b]]
            foot = _foot(point, start, end)
            distance = float(np.linalg.norm(point - foot))
            if distance >= radius or (best is not None and distance >= best[0] - 1e-12):
                continue
            if self.face_id[y + 1, x + 1] >= 0:
                if mode == "contour":
                    continue
                step_x, step_y = np.where(
                    np.array([-(end - start)[1], (end - start)[0]]) > 0, 1, -1
                )
                gaps = ((0, step_x), (step_y, 0), (step_y, step_x))
                if all(self.face_id[y + 1 + dy, x + 1 + dx] >= 0 for dy, dx in gaps):
                    continue
            best = (distance, face, a, b, foot)
        return best


def _foot(point: Array, start: Array, end: Array) -> Array:
    edge = end - start
    along = np.clip((point - start) @ edge / max(edge @ edge, 1e-300), 0, 1)
    return start + along * edge


def _cross(left: Array, right: Array) -> Array:
    return left[..., 0] * right[..., 1] - left[..., 1] * right[..., 0]
