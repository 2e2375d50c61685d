"""What the compiled kernels hand to each other, as named tuples (numba reads these)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
HALF = np.float32(0.5)
TWO = np.float32(2.0)

NO_NEAR, OUTLINE, INNER = 0, 1, 2
# numba computes float32 with a plain literal in float64: the constants keep the kernels narrow.


class MeshArrays(NamedTuple):
    """Tables of the mesh that do not change; see `Topology`.

    Indices have no sign: numba would add the length to each that might be negative.

    Attributes:
        faces: (F, 3) vertex indices.
        corner_uv: (F, 3, 2) texture coordinates of the corners.
        edge_halves: (E, 2) half-edges 3 f + i of each edge; 3 F where there is no face.
        edge_faces: (E, 2) the faces of these.
    """

    faces: U32
    corner_uv: F32
    edge_halves: U32
    edge_faces: U32


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

    Grids have (H + 2, W + 2) pixels, see `hfb.render.torch.visibility`; only the part inside `box`
    is valid.

    Attributes:
        screen: (V, 3) grid x, y in px and inverse depth in 1/m; inverse depth 0: cannot be drawn.
        box: (4,) first and last-plus-one row, then column, of the part of the grid in use.
        face_id: visible face, -1 where there is none, -2 - face at a pixel of the boundary.
        alpha: `contour`: silhouette; (1, 1) in the other modes.
        transparency: `dibr`: 1 - silhouette where no face covers the pixel; (1, 1) else.
        edge_id: `contour`: half-edge nearest to an uncovered pixel; (1, 1) in the other modes.
    """

    screen: F32
    box: I64
    face_id: I32
    alpha: F32
    transparency: F32
    edge_id: I32


class Boundary(NamedTuple):
    """What one `coverage` sub-frame keeps of its soft edges, see `hfb.render.torch.crossings`.

    Attributes:
        key: crossings, 4 far pixel + direction of the near one (right, left, below, above).
        half_edge: crossings, the edge.
        offset: crossings, distance from the far pixel, px.
        kind: crossings, what ends there: `OUTLINE` where nothing is seen beyond, `INNER` where
            another surface is, `NO_NEAR` where the near pixel sees nothing of what ends.
        links: (.., 8) pixels next to a crossing, first those where the pixel is the far one, then
            those where it is the near one, by direction; -1: none.
        pixel: pixels next to a crossing, then boundary pixels, flat grid index.
        first: boundary pixels, the nearer of the two crossings that say where its edge is.
        second: boundary pixels, the other crossing; -1: none.
        back_pixel: boundary pixels, flat index of the pixel whose face is seen beyond the edge;
            -1: none.
        share: boundary pixels, how much of the pixel is on the near side of the edge.
        offset_grad: crossings, gradient of `offset`.
        share_grad: boundary pixels, gradient of `share`.
        lengths: (2,) how many crossings and boundary pixels there are.
    """

    key: U32
    half_edge: U32
    offset: F32
    kind: U8
    links: I32
    pixel: U32
    first: I32
    second: I32
    back_pixel: I32
    share: F32
    offset_grad: F32
    share_grad: F32
    lengths: I64


class ThreadBuffers(NamedTuple):
    """Room that one thread uses for one sub-frame after the other.

    Attributes:
        is_front: (F + 1,) whether a face shows its outside; the last entry stands for "no face".
        candidates: (F + 1,) faces that may cover the centre of a pixel.
        silhouette: (E + 1,) half-edges of front faces that end at the silhouette.
        depth: grid, nearest inverse depth, 0 where no face is seen.
        place: grid, where a pixel is in `Boundary.links`; -1 between two uses.
        screen_grad: (V, 3) gradient of `FrameState.screen`.
        open_ahead: (H + 10, W + 2) flat, `dibr`: bits of pixels that still take faces.
        slot: grid, flat, `dibr`: where a pixel is in `NearFaces`; -1: nowhere.
        lanes: `dibr`: the faces of one pixel, see `hfb.render.numba.dibr`.
        lane_bits: the same memory as integers.
        row_x: (W + 2,) columns of the pixels of a row that are shaded.
        row: (W + 2, 7) what is known of them, see `texture_place`.
    """

    is_front: U8
    candidates: U32
    silhouette: U32
    depth: F32
    place: I32
    screen_grad: F32
    open_ahead: U8
    slot: I32
    lanes: F32
    lane_bits: I32
    row_x: U32
    row: F32


class NearFaces(NamedTuple):
    """The faces that enter a `dibr` mask, pixel by pixel in order of their index.

    Attributes:
        pixel: flat grid index of each pixel that has any.
        num_faces: how many it has.
        half_edge: 3 f + i: the face and its edge nearest to the pixel; `knum` places a pixel.
        along: likewise, where on this edge the nearest point is, 0 to 1.
        pull_x: likewise, half the gradient of log(1 - p) with respect to the pixel's x.
        pull_y: the same for y.
        source: of each pixel, the flat grid index of the covered one whose colour it has; -1: none.
        colour_pull: of each pixel, gradient of its colour with respect to the mask.
        length: (1,) how many pixels there are.
    """

    pixel: U32
    num_faces: U32
    half_edge: U32
    along: F32
    pull_x: F32
    pull_y: F32
    source: I32
    colour_pull: F32
    length: I64


class RasterParams(NamedTuple):
    """The numbers of `RenderSettings` that the kernels need.

    Attributes:
        weight: share of a sub-frame in its image, 1/N for a mean.
        is_coverage: mode `coverage`: edges soften both sides and colour uncovered pixels.
        is_premultiplied: colours are multiplied with the silhouette.
        is_perspective: perspective-correct texture coordinates.
        has_depth_gradient: their weights pass gradient to inverse depth.
        radius: reach of the silhouette's softness, px.
        occlusion_step: smallest step in depth that counts as an edge before another surface, in
            pixels at that depth.
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
    occlusion_step: np.float32
    contour_falloff: np.float32
    falloff_x: np.float32
    falloff_y: np.float32
    margin_x: np.float32
    margin_y: np.float32
    knum: int
