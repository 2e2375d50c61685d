"""Compiled kernels: all that is done to one sub-frame, in one call from Python.

A call costs up to 25 µs to take the named tuples apart, with the interpreter lock held: stage by
stage that was a tenth of the time and kept a second thread waiting.
"""

from __future__ import annotations

from hfb.render.numba.boundary import find_boundary, find_boundary_backward
from hfb.render.numba.cache import kernel
from hfb.render.numba.crossings import clear_places, find_crossings, find_crossings_backward
from hfb.render.numba.dibr import add_soft_mask, soften_by_faces, soften_by_faces_backward
from hfb.render.numba.edge_shading import shade_boundary, shade_boundary_backward
from hfb.render.numba.raster import rasterise_frame, unproject_gradient
from hfb.render.numba.records import (
    F32,
    I32,
    U8,
    ZERO,
    Boundary,
    FrameGrads,
    FrameInput,
    FrameState,
    ImageSums,
    MeshArrays,
    NearFaces,
    RasterParams,
    ThreadBuffers,
)
from hfb.render.numba.rim import colour_rim, colour_rim_backward
from hfb.render.numba.shading import shade_faces, shade_faces_backward
from hfb.render.numba.silhouette import soften_silhouette, soften_silhouette_backward


@kernel
def draw_coverage_frame(
    source: FrameInput,
    mesh: MeshArrays,
    params: RasterParams,
    buffers: ThreadBuffers,
    state: FrameState,
    image: ImageSums,
    boundary: Boundary,
) -> bool:
    """Add one sub-frame to its image, mode `coverage`.

    Returns:
        Whether `boundary` was long enough; if not, nothing was drawn.
    """
    rasterise_frame(source.verts, source.intrinsics, mesh, params, buffers, state)
    has_room = find_crossings(mesh, params, source.intrinsics[0], buffers, state, boundary)
    clear_places(buffers, boundary)
    if has_room:
        find_boundary(state, boundary)
        shade_faces(mesh, source.texture, params, buffers, state, image)
        shade_boundary(mesh, source.texture, params, state, boundary, image)
    return has_room


@kernel
def draw_coverage_frame_backward(
    source: FrameInput,
    mesh: MeshArrays,
    params: RasterParams,
    buffers: ThreadBuffers,
    state: FrameState,
    grads: FrameGrads,
    boundary: Boundary,
) -> None:
    """Gradients of `draw_coverage_frame`: overwrites `grads.verts`, adds to `grads.texture`."""
    shade_backward(source, mesh, params, buffers, state, grads)
    shade_boundary_backward(mesh, source.texture, params, state, boundary, grads, buffers)
    find_boundary_backward(boundary)
    find_crossings_backward(mesh, buffers, state, boundary)
    unproject_gradient(
        source.verts, source.intrinsics, state.screen, buffers.screen_grad, grads.verts
    )


@kernel
def draw_contour_frame(
    source: FrameInput,
    mesh: MeshArrays,
    params: RasterParams,
    buffers: ThreadBuffers,
    state: FrameState,
    image: ImageSums,
) -> None:
    """Add one sub-frame to its image, mode `contour`."""
    rasterise_frame(source.verts, source.intrinsics, mesh, params, buffers, state)
    soften_silhouette(mesh, params, buffers, state)
    shade_faces(mesh, source.texture, params, buffers, state, image)
    add_uncovered(params, state, image.alpha)


@kernel
def draw_contour_frame_backward(
    source: FrameInput,
    mesh: MeshArrays,
    params: RasterParams,
    buffers: ThreadBuffers,
    state: FrameState,
    grads: FrameGrads,
) -> None:
    """Gradients of `draw_contour_frame`."""
    shade_backward(source, mesh, params, buffers, state, grads)
    soften_silhouette_backward(mesh, params, grads.alpha, buffers, state)
    unproject_gradient(
        source.verts, source.intrinsics, state.screen, buffers.screen_grad, grads.verts
    )


@kernel
def draw_dibr_frame(
    source: FrameInput,
    mesh: MeshArrays,
    params: RasterParams,
    buffers: ThreadBuffers,
    state: FrameState,
    image: ImageSums,
    near: NearFaces,
    offsets: I32,
) -> bool:
    """Add one sub-frame to its image, mode `dibr`.

    Returns:
        Whether `near` was long enough; if not, nothing was drawn.
    """
    rasterise_frame(source.verts, source.intrinsics, mesh, params, buffers, state)
    has_room = soften_by_faces(mesh, params, buffers, state, near)
    if has_room:
        shade_faces(mesh, source.texture, params, buffers, state, image)
        colour_rim(mesh, source.texture, params, state, near, offsets, image)
        add_soft_mask(params, state, image.alpha)
    return has_room


@kernel
def draw_dibr_frame_backward(
    source: FrameInput,
    mesh: MeshArrays,
    params: RasterParams,
    buffers: ThreadBuffers,
    state: FrameState,
    grads: FrameGrads,
    near: NearFaces,
) -> None:
    """Gradients of `draw_dibr_frame`."""
    shade_backward(source, mesh, params, buffers, state, grads)
    colour_rim_backward(mesh, source.texture, params, state, near, grads, buffers)
    soften_by_faces_backward(mesh, params, buffers, state, grads.alpha, near)
    unproject_gradient(
        source.verts, source.intrinsics, state.screen, buffers.screen_grad, grads.verts
    )


@kernel
def add_uncovered(params: RasterParams, state: FrameState, alpha: F32) -> None:
    """Add the silhouette where no face covers the pixel, mode `contour`."""
    box = state.box
    for y in range(max(box[0], 1), min(box[1], alpha.shape[0] + 1)):
        for x in range(max(box[2], 1), min(box[3], alpha.shape[1] + 1)):
            alpha[y - 1, x - 1] += (
                params.weight * state.alpha[y, x] if state.face_id[y, x] < 0 else ZERO
            )


@kernel
def shade_backward(
    source: FrameInput,
    mesh: MeshArrays,
    params: RasterParams,
    buffers: ThreadBuffers,
    state: FrameState,
    grads: FrameGrads,
) -> None:
    """Gradients of the colours of pixels that one face covers, from zero."""
    for v in range(buffers.screen_grad.shape[0]):
        buffers.screen_grad[v, 0] = ZERO
        buffers.screen_grad[v, 1] = ZERO
        buffers.screen_grad[v, 2] = ZERO
    shade_faces_backward(mesh, source.texture, params, state, grads, buffers)


@kernel
def mark_covered(
    source: FrameInput,
    mesh: MeshArrays,
    params: RasterParams,
    buffers: ThreadBuffers,
    state: FrameState,
    covered: U8,
) -> None:
    """Write 1 to the (H, W) image where a front face covers the pixel centre."""
    rasterise_frame(source.verts, source.intrinsics, mesh, params, buffers, state)
    height, width = covered.shape
    for y in range(max(state.box[0], 1), min(state.box[1], height + 1)):
        for x in range(max(state.box[2], 1), min(state.box[3], width + 1)):
            if state.face_id[y, x] >= 0:
                covered[y - 1, x - 1] = 1
