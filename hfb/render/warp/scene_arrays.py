"""What the warp kernels hand to each other."""

import warp as wp

ZERO, HALF, ONE, TWO = 0.0, 0.5, 1.0, 2.0
EMPTY_KEY = 2**63 - 1
"""Of a pixel or crossing for which nothing has been offered."""
LAST_FACE = 2**31 - 1
"""Faces are counted down from here in keys of which the largest wins: the earlier face."""


class _Job:
    """One call's frames, their mesh and how they are drawn.

    M frames of S samples, with grids of (H + 2, W + 2) pixels, see `hfb.render.torch.visibility`.

    Attributes:
        verts: (M, V) camera frame, m.
        intrinsics: (S,) fx, fy, cx, cy, px.
        texture: (S, TH, TW).
        faces: (F, 3).
        corner_uv: (F, 3).
        edge_halves: (E, 2) half-edges 3 f + i; 3 F where there is no face.
        screen: (M, V) grid x, y in px and inverse depth in 1/m; inverse depth 0: cannot be drawn.
        is_front: (M, F + 1) whether a face shows its outside; the last entry stands for "no face".
        face_id: grid, visible face, -1 where there is none.
        depth: grid, its inverse depth, 0 where there is none.
        weight: share of a sub-frame in its image, 1/N for a mean.
        is_premultiplied: 1: colours are multiplied with the silhouette.
        is_perspective: 1: perspective-correct texture coordinates.
        has_depth_gradient: 1: their weights pass gradient to inverse depth.
        frames_per_image: consecutive frames that are averaged.
        frames_per_sample: consecutive frames that share texture and camera.
        occlusion_step: `coverage`: smallest step in depth that counts, in pixels at that depth.
        radius: `contour`: reach of the silhouette's softness, px.
        falloff: `contour`: 1 / (2 sigma²), 1/px²; `dibr`: sigmainv along x in px.
        falloff_y: `dibr`: the same along y.
        margin_x: `dibr`: enlargement of the faces' boxes along x, px.
        margin_y: the same along y.
        knum: `dibr`: largest number of faces a pixel.
        rim: `dibr`: (L, 2) from `rim_offsets`.
        num_rim: `dibr`: L, 0 for a black rim.
    """

    verts: wp.array2d[wp.vec3]
    intrinsics: wp.array[wp.vec4]
    texture: wp.array3d[wp.vec3]
    faces: wp.array2d[wp.int32]
    corner_uv: wp.array2d[wp.vec2]
    edge_halves: wp.array2d[wp.int32]
    screen: wp.array2d[wp.vec3]
    is_front: wp.array2d[wp.uint8]
    face_id: wp.array3d[wp.int32]
    depth: wp.array3d[wp.float32]
    weight: float
    is_premultiplied: int
    is_perspective: int
    has_depth_gradient: int
    frames_per_image: int
    frames_per_sample: int
    occlusion_step: float
    radius: float
    falloff: float
    falloff_y: float
    margin_x: float
    margin_y: float
    knum: int
    rim: wp.array2d[wp.int32]
    num_rim: int


class _Images:
    """What frames are added up in, or the gradients of these.

    Attributes:
        rgb: (I, 3, H, W).
        alpha: (I, H, W).
        is_visible: (I, F) 1 for faces that are seen.
    """

    rgb: wp.array4d[wp.float32]
    alpha: wp.array3d[wp.float32]
    is_visible: wp.array2d[wp.uint8]


class _Grads:
    """Gradients that the kernels add up.

    Attributes:
        screen: (M, V) of `Job.screen`.
        texture: (S, TH, TW).
    """

    screen: wp.array2d[wp.vec3]
    texture: wp.array3d[wp.vec3]


# Not as decorators: run-time type checkers would take the structures for classes.
Job, Images, Grads = wp.struct(_Job), wp.struct(_Images), wp.struct(_Grads)
