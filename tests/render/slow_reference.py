"""The renderer written as slowly and plainly as possible, from geometry in space.

Colours come from rays that hit triangles in 3D, silhouettes from edges found by counting in a
dictionary. Nothing is shared with the product's code.
"""

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from hfb.structures import Camera, Mesh

Array = NDArray[np.float64]
Edge = tuple[int, int, int]  # face, corner, next corner


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
                if mode == "coverage":
                    self._soften(rgb, alpha, edges, y, x)
                elif face < 0:
                    distance = min((self._distance(point, edge) for edge in edges), default=np.inf)
                    if distance < 4 * sigma:
                        alpha[y, x] = np.exp(-0.5 * (distance / sigma) ** 2)
        return rgb, alpha

    def _soften(self, rgb: Array, alpha: Array, edges: list[Edge], y: int, x: int) -> None:
        """Give a pixel its share of the near side of an edge: see `torch_boundary`."""
        steps = ((0, 1), (0, -1), (1, 0), (-1, 0))
        beyond, outline, inner = {}, {}, {}
        for direction, (dy, dx) in enumerate(steps):
            ahead = self._crossing(edges, (y, x), (y + dy, x + dx))
            if ahead is not None:
                beyond[direction] = (*ahead[:3], (y, x))
            behind = self._crossing(edges, (y + dy, x + dx), (y, x))
            if behind is not None:
                there = (y + dy, x + dx)
                entry = (1 - behind[0], *behind[1:3], there)
                if self._depth_at(*there) == 0:
                    outline[direction] = entry
                elif self._depth_at(y, x) >= behind[3]:
                    inner[direction] = entry
        is_covered = self.face_id[y + 1, x + 1] >= 0
        if not is_covered:
            distance, edge, foot, _ = _combine(beyond)
            if distance < 0.5:
                alpha[y, x] = 0.5 - distance
                rgb[y, x] = self._look_up(self._edge_uv(*edge, foot))
            return
        distance, *_ = _combine(outline)
        if distance < 0.5:
            alpha[y, x] = 0.5 + distance
            return
        over, under = _combine(beyond), _combine(inner)
        if min(over[0], under[0]) >= 0.5:
            return
        if over[0] < under[0]:
            front, share = self._look_up(self._edge_uv(*over[1], over[2])), 0.5 - over[0]
            back = rgb[y, x].copy()
        else:
            front, share, far = rgb[y, x].copy(), 0.5 + under[0], under[3]
            far_point = np.array([far[1] + 0.5, far[0] + 0.5])
            back = self._look_up(self._ray_uv(self.face_id[far[0] + 1, far[1] + 1], far_point))
        rgb[y, x] = share * front + (1 - share) * back

    def _crossing(
        self, edges: list[Edge], far: tuple[int, int], near: tuple[int, int]
    ) -> tuple[float, Edge, Array, float] | None:
        """Nearest to the far pixel, the visible edge that lies beyond the near one.

        Returns:
            Offset from the far pixel, edge, place on the image, least inverse depth of what ends.
        """
        axis = 0 if far[0] == near[0] else 1  # the coordinate that changes from far to near
        start, goal = (np.array([p[1] + 0.5, p[0] + 0.5]) for p in (far, near))
        step, best = 1.0 if goal[axis] > start[axis] else -1.0, None
        for edge in edges:
            a, b = (self.points[self.faces[edge[0], i]] for i in edge[1:])
            line, (low, high) = start[1 - axis], sorted((a[1 - axis], b[1 - axis]))
            if not low <= line < high:
                continue
            t = (line - a[1 - axis]) / (b[1 - axis] - a[1 - axis])
            place = a + t * (b - a)
            offset = (place[axis] - start[axis]) * step
            outward = np.array([-(b - a)[1], (b - a)[0]])[axis]
            if not 0 <= offset <= 1 or outward * step >= 0:
                continue
            za, zb = (1 / self.verts[self.faces[edge[0], i], 2] for i in edge[1:])
            limit = (za + t * (zb - za)) * (1 - min(0.5 / abs(self.focal[0]), 0.5))
            if self._depth_at(*far) < limit and (best is None or offset < best[0]):
                best = (offset, edge, place, limit)
        return best

    def _depth_at(self, y: int, x: int) -> float:
        face = self.face_id[y + 1, x + 1]
        return 0.0 if face < 0 else 1 / self._hit(face, np.array([x + 0.5, y + 0.5]))[0]

    def _distance(self, point: Array, edge: Edge) -> float:
        start, end = (self.points[self.faces[edge[0], i]] for i in edge[1:])
        return float(np.linalg.norm(point - _foot(point, start, end)))

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

    def dibr_rim(self, mask: Array) -> tuple[Array, Array]:
        """Colours (H, W, 3) of the nearest covered pixel where the mask is beyond the faces.

        Of pixels equally far away the upper one counts, then the left one.

        Returns:
            Colours, and how far away these pixels are (0 elsewhere).
        """
        rgb, distance = np.zeros((self.height, self.width, 3)), np.zeros(mask.shape)
        covered = np.argwhere(self.covered())
        for y, x in np.argwhere((mask > 0) & ~self.covered()):
            squares = ((covered - (y, x)) ** 2).sum(1)
            row, column = covered[np.flatnonzero(squares == squares.min())[0]]
            distance[y, x] = np.sqrt(squares.min())
            point = np.array([column + 0.5, row + 0.5])
            rgb[y, x] = self._look_up(self._ray_uv(self.face_id[row + 1, column + 1], point))
        return rgb, distance

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

    def _silhouette_edges(self) -> list[Edge]:
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


def _combine(
    crossings: dict[int, tuple[float, Edge, Array, tuple[int, int]]],
) -> tuple[float, Edge, Array, tuple[int, int]]:
    """Distance of a pixel from the line through its row's and its column's nearest crossing."""
    axes = [
        min((crossings[d] for d in pair if d in crossings), key=lambda c: c[0], default=None)
        for pair in ((0, 1), (2, 3))
    ]
    found = sorted((c for c in axes if c is not None), key=lambda c: c[0])
    if not found:
        return np.inf, (0, 0, 0), np.zeros(2), (0, 0)
    if len(found) == 1:
        return found[0]
    x, y = found[0][0], found[1][0]
    return (x * y / max(np.hypot(x, y), 1e-12), *found[0][1:])


def _foot(point: Array, start: Array, end: Array) -> Array:
    edge = end - start
    along = np.clip((point - start) @ edge / max(edge @ edge, 1e-300), 0, 1)
    return start + along * edge


def _cross(left: Array, right: Array) -> Array:
    return left[..., 0] * right[..., 1] - left[..., 1] * right[..., 0]
