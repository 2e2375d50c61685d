"""Compiled kernels: mode `dibr`, the colours of pixels that the mask shows beyond the faces."""

from __future__ import annotations

from hfb.render.numba.cache import kernel
from hfb.render.numba.records import (
    F32,
    I32,
    ONE,
    ZERO,
    FrameGrads,
    FrameState,
    ImageSums,
    MeshArrays,
    NearFaces,
    RasterParams,
    ThreadBuffers,
)
from hfb.render.numba.shading import face_colour, face_colour_backward


@kernel
def colour_rim(
    mesh: MeshArrays,
    texture: F32,
    params: RasterParams,
    state: FrameState,
    near: NearFaces,
    offsets: I32,
    image: ImageSums,
) -> None:
    """Add the colour of the nearest covered pixel to those of the rim; keep which it was.

    Args:
        mesh: tables of the mesh.
        texture: (TH, TW, 3).
        params: weight of the sub-frame and how colours are looked up.
        state: the sub-frame with its mask.
        near: its pixels that have a mask; `source` is filled.
        offsets: (L, 2) from `rim_offsets`; empty for a black rim.
        image: is added to.
    """
    face_id, transparency, box, rgb = state.face_id, state.transparency, state.box, image.rgb
    width = face_id.shape[1]
    top, bottom = max(box[0], 1), min(box[1], face_id.shape[0] - 1)
    left, right = max(box[2], 1), min(box[3], width - 1)
    for i in range(near.length[0]):
        near.source[i] = -1
        y, x = int(near.pixel[i]) // width, int(near.pixel[i]) % width
        opacity = ONE - transparency[y, x]
        for k in range(offsets.shape[0]):
            there_y, there_x = y + offsets[k, 0], x + offsets[k, 1]
            if (top <= there_y) & (there_y < bottom) & (left <= there_x) & (there_x < right):
                face = face_id[there_y, there_x]
                if face >= 0:
                    near.source[i] = there_y * width + there_x
                    red, green, blue = face_colour(
                        face, there_x, there_y, mesh.faces, mesh.corner_uv, state.screen, texture,
                        params.is_perspective,
                    )  # fmt: skip
                    share = params.weight * opacity if params.is_premultiplied else params.weight
                    rgb[0, y - 1, x - 1] += share * red
                    rgb[1, y - 1, x - 1] += share * green
                    rgb[2, y - 1, x - 1] += share * blue
                    break


@kernel
def colour_rim_backward(
    mesh: MeshArrays,
    texture: F32,
    params: RasterParams,
    state: FrameState,
    near: NearFaces,
    grads: FrameGrads,
    buffers: ThreadBuffers,
) -> None:
    """Gradients of `colour_rim`, for the mask in `near.colour_pull`; which pixel is near has none.

    Adds to `buffers.screen_grad` and `grads.texture`.
    """
    face_id, transparency, rgb_grad = state.face_id, state.transparency, grads.rgb
    width = face_id.shape[1]
    for i in range(near.length[0]):
        near.colour_pull[i] = ZERO
        if near.source[i] < 0:
            continue
        y, x = int(near.pixel[i]) // width, int(near.pixel[i]) % width
        there_y, there_x = near.source[i] // width, near.source[i] % width
        share = params.weight
        if params.is_premultiplied:
            share = params.weight * (ONE - transparency[y, x])
        red_grad, green_grad, blue_grad = (
            rgb_grad[0, y - 1, x - 1],
            rgb_grad[1, y - 1, x - 1],
            rgb_grad[2, y - 1, x - 1],
        )
        red, green, blue = face_colour_backward(
            face_id[there_y, there_x], there_x, there_y, share * red_grad, share * green_grad,
            share * blue_grad, mesh.faces, mesh.corner_uv, state.screen, texture,
            params.is_perspective, params.has_depth_gradient, buffers.screen_grad, grads.texture,
        )  # fmt: skip
        if params.is_premultiplied:
            pull = red_grad * red + green_grad * green + blue_grad * blue
            near.colour_pull[i] = params.weight * pull
