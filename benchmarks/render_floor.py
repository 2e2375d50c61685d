"""What has to be touched to draw one sub-frame, and how long touching it takes.

The floor is the leanest loop that does the work every rasteriser has to do: each face's corners are
read once, each pixel in the box of a front face is tested once, each covered pixel reads one texel;
backwards each covered pixel writes one texel and three corners. No soft edges, no perspective, no
blending of texels, no gradient of the silhouette.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from hfb.structures import Camera, Mesh

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Work:
    """Mean counts of one sub-frame, and the fastest time of the floor loop, s."""

    faces: int
    front_faces: int
    faces_with_centre: int
    pixel_tests: int
    covered_pixels: int
    seconds: float


def measure_floor(mesh: Mesh, camera: Camera, rounds: int = 15) -> Work:
    """Count and time the work of the sub-frames of a mesh on the CPU."""
    focal, centre = camera.focal.numpy(), camera.principal_point.numpy()
    verts = mesh.verts.numpy()
    inverse = 1.0 / verts[..., 2:]
    screen = np.concatenate([focal * verts[..., :2] * inverse + centre - 0.5, inverse], -1)
    screen = np.ascontiguousarray(screen, np.float32)
    faces = mesh.faces.numpy().astype(np.uint32)
    corner_uv = np.ascontiguousarray(mesh.uv.numpy()[mesh.faces_uv.numpy()].mean(1), np.float32)
    texture = np.ascontiguousarray(mesh.texture.permute(1, 2, 0).numpy())
    counts = np.zeros((len(screen), 4), np.int64)
    fastest = math.inf
    for _ in range(rounds):
        image = np.zeros((camera.height, camera.width, 4), np.float32)
        texture_grad, screen_grad = np.zeros_like(texture), np.zeros_like(screen)
        depth = np.zeros(image.shape[:2], np.float32)
        face_id = np.zeros(depth.shape, np.int32)
        start = time.perf_counter()
        for frame, points in enumerate(screen):
            counts[frame] = _draw(points, faces, corner_uv, texture, depth, face_id, image)
            _draw_backward(faces, corner_uv, face_id, image, texture_grad, screen_grad[frame])
        fastest = min(fastest, time.perf_counter() - start)
    front, with_centre, tests, covered = counts.mean(0).round().astype(int).tolist()
    return Work(len(faces), front, with_centre, tests, covered, fastest / len(screen))


@numba.njit(error_model="numpy", fastmath=True)
def _draw(
    screen: F32,
    faces: NDArray[np.uint32],
    face_uv: F32,
    texture: F32,
    nearest: F32,
    face_id: NDArray[np.int32],
    image: F32,
) -> tuple[int, int, int, int]:
    """Nearest face of each pixel and one texel of it; returns the counts of `Work`."""
    height, width = nearest.shape
    nearest[:] = 0
    face_id[:] = -1
    front, with_centre, tests, covered = 0, 0, 0, 0
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, bx, by = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1]
        cx, cy = screen[c, 0], screen[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area >= 0:
            continue
        front += 1
        left, right = math.ceil(max(min(ax, bx, cx), 0)), int(min(max(ax, bx, cx), width - 1))
        top, bottom = math.ceil(max(min(ay, by, cy), 0)), int(min(max(ay, by, cy), height - 1))
        if right < left or bottom < top:
            continue
        with_centre += 1
        tests += (right + 1 - left) * (bottom + 1 - top)
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                first = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / area
                second = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / area
                depth = screen[c, 2] + first * (screen[a, 2] - screen[c, 2])
                depth += second * (screen[b, 2] - screen[c, 2])
                if first >= 0 and second >= 0 and first + second <= 1 and depth > nearest[y, x]:
                    nearest[y, x], face_id[y, x] = depth, f
    rows, columns = texture.shape[0] - 1, texture.shape[1] - 1
    for y in range(height):
        for x in range(width):
            if face_id[y, x] >= 0:
                covered += 1
                u, v = face_uv[face_id[y, x], 0], face_uv[face_id[y, x], 1]
                texel = texture[int((1 - v) * rows), int(u * columns)]
                image[y, x, 0] += texel[0]
                image[y, x, 1] += texel[1]
                image[y, x, 2] += texel[2]
                image[y, x, 3] += 1
    return front, with_centre, tests, covered


@numba.njit(error_model="numpy", fastmath=True)
def _draw_backward(
    faces: NDArray[np.uint32],
    face_uv: F32,
    face_id: NDArray[np.int32],
    image_grad: F32,
    texture_grad: F32,
    screen_grad: F32,
) -> None:
    """One texel and the three corners of each covered pixel receive its gradient."""
    rows, columns = texture_grad.shape[0] - 1, texture_grad.shape[1] - 1
    for y in range(face_id.shape[0]):
        for x in range(face_id.shape[1]):
            f = face_id[y, x]
            if f >= 0:
                texel = texture_grad[int((1 - face_uv[f, 1]) * rows), int(face_uv[f, 0] * columns)]
                for channel in range(3):
                    texel[channel] += image_grad[y, x, channel]
                for corner in range(3):
                    for axis in range(3):
                        screen_grad[faces[f, corner], axis] += image_grad[y, x, 3]
