"""Compiled kernels: all that is done to one sub-frame, in one call from Python.

A call costs up to 25 µs to take the named tuples apart, with the interpreter lock held: stage by
stage that was a tenth of the time and kept a second thread waiting.
"""

from __future__ import annotations

from hfb.render.numba_cache import kernel
from hfb.render.numba_dibr import soften_by_faces, soften_by_faces_backward
from hfb.render.numba_edge_shading import shade_edges, shade_edges_backward
from hfb.render.numba_raster import rasterise_frame, unproject_gradient
from hfb.render.numba_records import (
    U8,
    ZERO,
    FrameGrads,
    FrameInput,
    FrameState,
    ImageSums,
    Look,
    MeshArrays,
    NearFaces,
    Scratch,
)
from hfb.render.numba_shading import shade_faces, shade_faces_backward
from hfb.render.numba_silhouette import soften_silhouette, soften_silhouette_backward


@kernel
def draw_frame(
    source: FrameInput,
    mesh: MeshArrays,
    look: Look,
    scratch: Scratch,
    state: FrameState,
    image: ImageSums,
) -> None:
    """Add one sub-frame to its image, modes `coverage` and `contour`."""
    rasterise_frame(source.verts, source.intrinsics, mesh, look, scratch, state)
    soften_silhouette(mesh, look, scratch, state)
    shade_faces(mesh, source.texture, look, state, image.rgb, image.alpha, image.is_visible)
    if look.is_coverage:
        shade_edges(mesh, source.texture, look, state, image.rgb)


@kernel
def draw_frame_backward(
    source: FrameInput,
    mesh: MeshArrays,
    look: Look,
    scratch: Scratch,
    state: FrameState,
    grads: FrameGrads,
) -> None:
    """Gradients of `draw_frame`: overwrites `grads.verts`, adds to `grads.texture`."""
    shade_backward(source, mesh, look, scratch, state, grads)
    soften_silhouette_backward(mesh, look, scratch, state)
    unproject_gradient(
        source.verts, source.intrinsics, state.screen, scratch.screen_grad, grads.verts
    )


@kernel
def draw_frame_by_faces(
    source: FrameInput,
    mesh: MeshArrays,
    look: Look,
    scratch: Scratch,
    state: FrameState,
    image: ImageSums,
    near: NearFaces,
) -> int:
    """Add one sub-frame to its image, mode `dibr`.

    Returns:
        How many entries of `near` were filled; -1 if it was too short, and nothing was drawn.
    """
    rasterise_frame(source.verts, source.intrinsics, mesh, look, scratch, state)
    count = soften_by_faces(mesh, look, scratch, state, near)
    if count >= 0:
        shade_faces(mesh, source.texture, look, state, image.rgb, image.alpha, image.is_visible)
    return count


@kernel
def draw_frame_by_faces_backward(
    source: FrameInput,
    mesh: MeshArrays,
    look: Look,
    scratch: Scratch,
    state: FrameState,
    grads: FrameGrads,
    near: NearFaces,
    count: int,
) -> None:
    """Gradients of `draw_frame_by_faces`."""
    shade_backward(source, mesh, look, scratch, state, grads)
    soften_by_faces_backward(mesh, look, scratch, state, near, count)
    unproject_gradient(
        source.verts, source.intrinsics, state.screen, scratch.screen_grad, grads.verts
    )


@kernel
def shade_backward(
    source: FrameInput,
    mesh: MeshArrays,
    look: Look,
    scratch: Scratch,
    state: FrameState,
    grads: FrameGrads,
) -> None:
    """Gradients of the colours, from zero."""
    for v in range(scratch.screen_grad.shape[0]):
        scratch.screen_grad[v, 0] = ZERO
        scratch.screen_grad[v, 1] = ZERO
        scratch.screen_grad[v, 2] = ZERO
    shade_faces_backward(
        mesh, source.texture, look, state, grads.rgb, grads.alpha, scratch, grads.texture
    )
    if look.is_coverage:
        shade_edges_backward(mesh, source.texture, look, state, grads.rgb, scratch, grads.texture)


@kernel
def mark_covered(
    source: FrameInput,
    mesh: MeshArrays,
    look: Look,
    scratch: Scratch,
    state: FrameState,
    covered: U8,
) -> None:
    """Write 1 to the (H, W) image where a front face covers the pixel centre."""
    rasterise_frame(source.verts, source.intrinsics, mesh, look, scratch, state)
    height, width = covered.shape
    for y in range(max(state.box[0], 1), min(state.box[1], height + 1)):
        for x in range(max(state.box[2], 1), min(state.box[3], width + 1)):
            if state.face_id[y, x] >= 0:
                covered[y - 1, x - 1] = 1
