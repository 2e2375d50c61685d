"""What the compiled kernels hand to each other, as named tuples (numba reads these)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
U64 = NDArray[np.uint64]

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
HALF = np.float32(0.5)
TWO = np.float32(2.0)
# numba computes float32 with a plain literal in float64: the constants keep the kernels narrow.


class MeshArrays(NamedTuple):
    """Tables of the mesh that do not change; see `Topology`.

    Attributes:
        faces: (F, 3) vertex indices.
        corner_uv: (F, 3, 2) texture coordinates of the corners.
        edge_halves: (E, 2) half-edges 3 f + i of each edge; 3 F where there is no face.
        edge_faces: (E, 2) the faces of these.
    """

    faces: I32
    corner_uv: F32
    edge_halves: I32
    edge_faces: I32


class FrameInput(NamedTuple):
    """One sub-frame.

    Attributes:
        verts: (V, 3) camera frame, m.
        intrinsics: (4,) fx, fy, cx, cy, px.
        texture: (TH, TW, 3).
    """

    verts: F32
    intrinsics: F32
    texture: F32


class ImageSums(NamedTuple):
    """Where sub-frames are added up.

    Attributes:
        rgb: (3, H, W).
        alpha: (H, W).
        is_visible: (F,) 1 for faces that are seen.
    """

    rgb: F32
    alpha: F32
    is_visible: U8


class FrameGrads(NamedTuple):
    """Gradients that go into one sub-frame and come out of it.

    Attributes:
        rgb: (3, H, W) given.
        alpha: (H, W) given.
        verts: (V, 3) overwritten.
        texture: (TH, TW, 3) added to.
    """

    rgb: F32
    alpha: F32
    verts: F32
    texture: F32


class FrameState(NamedTuple):
    """What one sub-frame keeps from the forward to the backward pass.

    Grids have (H + 2, W + 2) pixels, see `torch_visibility`; only the part inside `box` is valid.

    Attributes:
        screen: (V, 3) grid x, y in px and inverse depth in 1/m; inverse depth 0: cannot be drawn.
        box: (4,) first and last-plus-one row, then column, of the part of the grid in use.
        face_id: visible face, -1 where there is none.
        edge_id: half-edge of the nearest silhouette edge, -1 where none is near; (1, 1) in `dibr`.
        alpha: silhouette.
        edge_pixels: flat grid indices of the pixels with an `edge_id`, row by row.
        num_edge_pixels: (1,) how many there are.
    """

    screen: F32
    box: I64
    face_id: I32
    edge_id: I32
    alpha: F32
    edge_pixels: I32
    num_edge_pixels: I64


class Scratch(NamedTuple):
    """Room that one thread uses for one sub-frame after the other.

    Attributes:
        is_front: (F + 1,) whether a face shows its outside; the last entry stands for "no face".
        depth: grid, nearest inverse depth, afterwards squared distance to the nearest edge.
        alpha_grad: grid, gradient of the silhouette.
        screen_grad: (V, 3) gradient of `FrameState.screen`.
        open_bits: (H + 2, words) one bit a pixel that `dibr` still has to fill.
        num_near: grid, faces that `dibr` has counted so far.
    """

    is_front: U8
    depth: F32
    alpha_grad: F32
    screen_grad: F32
    open_bits: U64
    num_near: I32


class NearFaces(NamedTuple):
    """The faces that enter a `dibr` mask, in order of their index.

    Attributes:
        pixel: flat grid index.
        half_edge: 3 f + i: the face and its edge nearest to the pixel.
        probability: exp(-sigmainv d²).
    """

    pixel: I32
    half_edge: I32
    probability: F32


class Look(NamedTuple):
    """The numbers of `RenderSettings` that the kernels need.

    Attributes:
        weight: share of a sub-frame in its image, 1/N for a mean.
        is_coverage: mode `coverage`: edges soften both sides and colour uncovered pixels.
        is_premultiplied: colours are multiplied with the silhouette.
        is_perspective: perspective-correct texture coordinates.
        has_depth_gradient: their weights pass gradient to inverse depth.
        radius: reach of the silhouette's softness, px.
        contour_falloff: 1 / (2 sigma²), 1/px².
        falloff_x: `dibr`: sigmainv for distances along x in px.
        falloff_y: the same along y.
        margin_x: `dibr`: enlargement of the faces' boxes along x, px.
        margin_y: the same along y.
        knum: `dibr`: largest number of faces a pixel.
    """

    weight: np.float32
    is_coverage: bool
    is_premultiplied: bool
    is_perspective: bool
    has_depth_gradient: bool
    radius: np.float32
    contour_falloff: np.float32
    falloff_x: np.float32
    falloff_y: np.float32
    margin_x: np.float32
    margin_y: np.float32
    knum: int
