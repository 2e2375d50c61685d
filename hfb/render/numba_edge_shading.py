"""Compiled kernels: colours of boundary pixels that no face covers, in mode `coverage`.

Such a pixel is partly covered, so it needs a colour: that of the nearest point of its silhouette
edge, on the front face of that edge.
"""

from __future__ import annotations

import numpy as np

from hfb.render.numba_cache import inlined, kernel
from hfb.render.numba_records import F32, ONE, TWO, ZERO, FrameState, Look, MeshArrays, Scratch
from hfb.render.numba_shading import add_colour, add_colour_backward
from hfb.render.numba_silhouette import reach_from_edge

_TINY = np.float32(1e-12)


@kernel
def shade_edges(mesh: MeshArrays, texture: F32, look: Look, state: FrameState, rgb: F32) -> None:
    """Add the colours of one sub-frame's uncovered boundary pixels to its image.

    Args:
        mesh: tables of the mesh.
        texture: (TH, TW, 3).
        look: weight of the sub-frame and how colours are looked up.
        state: the rasterised and softened sub-frame.
        rgb: (3, H, W) is added to.
    """
    faces, corner_uv = mesh.faces, mesh.corner_uv
    screen, face_id, edge_id, opacity = state.screen, state.face_id, state.edge_id, state.alpha
    grid_width = face_id.shape[1]
    for k in range(state.num_edge_pixels[0]):
        y = state.edge_pixels[k] // grid_width
        x = state.edge_pixels[k] - y * grid_width
        if face_id[y, x] >= 0 or opacity[y, x] <= ZERO:
            continue
        face, corner = edge_id[y, x] // 3, edge_id[y, x] % 3
        following = (corner + 1) % 3
        a, b = faces[face, corner], faces[face, following]
        along, _ = along_edge(x, y, screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1])
        if look.is_perspective:
            weighted = along * screen[b, 2]
            along = weighted / max((ONE - along) * screen[a, 2] + weighted, _TINY)
        u, v = corner_uv[face, corner, 0], corner_uv[face, corner, 1]
        u += along * (corner_uv[face, following, 0] - u)
        v += along * (corner_uv[face, following, 1] - v)
        scale = look.weight * opacity[y, x] if look.is_premultiplied else look.weight
        add_colour(u, v, scale, texture, rgb, x - 1, y - 1)


@inlined
def along_edge(
    x: int, y: int, ax: np.float32, ay: np.float32, bx: np.float32, by: np.float32
) -> tuple[np.float32, np.float32]:
    """Where on edge a-b the point nearest to a pixel lies, and 1 / length² of the edge."""
    inverse = ONE / ((bx - ax) * (bx - ax) + (by - ay) * (by - ay) + _TINY)
    along, _, _ = reach_from_edge(np.float32(x), np.float32(y), ax, ay, bx, by, inverse)
    return along, inverse


@kernel
def shade_edges_backward(
    mesh: MeshArrays,
    texture: F32,
    look: Look,
    state: FrameState,
    rgb_grad: F32,
    scratch: Scratch,
    texture_grad: F32,
) -> None:
    """Gradients of `shade_edges`, added to the scratch's gradients and to `texture_grad`."""
    faces, corner_uv = mesh.faces, mesh.corner_uv
    screen, face_id, edge_id, opacity = state.screen, state.face_id, state.edge_id, state.alpha
    opacity_grad, screen_grad = scratch.alpha_grad, scratch.screen_grad
    grid_width = face_id.shape[1]
    for k in range(state.num_edge_pixels[0]):
        y = state.edge_pixels[k] // grid_width
        x = state.edge_pixels[k] - y * grid_width
        if face_id[y, x] >= 0 or opacity[y, x] <= ZERO:
            continue
        face, corner = edge_id[y, x] // 3, edge_id[y, x] % 3
        following = (corner + 1) % 3
        a, b = faces[face, corner], faces[face, following]
        ax, ay, bx, by = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1]
        along, inverse = along_edge(x, y, ax, ay, bx, by)
        az, bz = ONE, ONE
        if look.is_perspective:
            az, bz = screen[a, 2], screen[b, 2]
        depth = ONE / max((ONE - along) * az + along * bz, _TINY)
        share = along * bz * depth
        u, v = corner_uv[face, corner, 0], corner_uv[face, corner, 1]
        u_step, v_step = corner_uv[face, following, 0] - u, corner_uv[face, following, 1] - v
        scale = look.weight * opacity[y, x] if look.is_premultiplied else look.weight
        u_grad, v_grad, brightness = add_colour_backward(
            u + share * u_step, v + share * v_step, scale, texture,
            rgb_grad, x - 1, y - 1, texture_grad,
        )  # fmt: skip
        if look.is_premultiplied:
            opacity_grad[y, x] += look.weight * brightness
        # share = along bz / ((1 - along) az + along bz)
        share_grad = (u_grad * u_step + v_grad * v_step) * depth * depth
        if look.is_perspective and look.has_depth_gradient:
            spread = along * (ONE - along) * share_grad
            screen_grad[a, 2] -= spread * bz
            screen_grad[b, 2] += spread * az
        if along <= ZERO or along >= ONE:
            continue  # the nearest point is an end and stays there when the edge moves
        # along = d·e / e·e with d = pixel - a and e = b - a
        along_grad = share_grad * az * bz * inverse
        edge_x, edge_y = bx - ax, by - ay
        end_x = along_grad * (np.float32(x) - ax - TWO * along * edge_x)
        end_y = along_grad * (np.float32(y) - ay - TWO * along * edge_y)
        screen_grad[b, 0] += end_x
        screen_grad[b, 1] += end_y
        screen_grad[a, 0] -= end_x + along_grad * edge_x
        screen_grad[a, 1] -= end_y + along_grad * edge_y
