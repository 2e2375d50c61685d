"""The moving, textured body as one glTF binary: morph targets, one per sub-frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pygltflib as gltf
import torch
from jaxtyping import Float
from torch import Tensor

from hfb.errors import InputError, ShapeError
from hfb.export.gltf_buffer import (
    CAMERA_TO_GLTF,
    SLOW_MOTION,
    GltfBuffer,
    split_seams,
    textured_material,
)
from hfb.storage import atomic_write
from hfb.structures import Mesh

FLAT_SHADING = "KHR_materials_unlit"


def write_glb(
    path: str | Path,
    mesh: Mesh,
    times: Float[Tensor, " N"],
    slow_motion: float = SLOW_MOTION,
    extras: dict[str, object] | None = None,
) -> None:
    """Write the sub-frames of one sample as an animated `.glb`, whole or not at all.

    Not in the paper: output for viewers. Every sub-frame is a morph target of the first; the
    animation blends linearly from one to the next, so that at a key the vertices are exact. Axes
    are glTF's (x right, y up, z towards the viewer) and the camera sits at the origin. An exposure
    of 33 ms cannot be watched: the animation is `slow_motion` times longer; its `extras` tell the
    factor and the real times.

    Args:
        path: file name ending in .glb.
        mesh: one sample (verts "N V 3" in m, texture "3 TH TW" sRGB).
        times: of each sub-frame, s, increasing.
        slow_motion: how many times slower than real the animation plays.
        extras: anything JSON can hold, stored as the asset's `extras` (body name, licence …).

    Raises:
        ShapeError: if the mesh holds a batch, or the number of times differs from the sub-frames.
        InputError: if verts hold NaN, times do not increase, slow_motion is not positive, or the
            file cannot be written.
    """
    path = Path(path)
    _check(path, mesh, times, slow_motion)
    seconds = times.detach().cpu().double().numpy()
    document = _build(mesh, (seconds - seconds[0]) * slow_motion)
    document.asset.extras = {"slow_motion": slow_motion, "times_s": seconds.tolist()}
    document.asset.extras.update(extras or {})
    for animation in document.animations:
        animation.extras = {"slow_motion": slow_motion, "times_s": seconds.tolist()}
    with atomic_write(path) as part:
        document.save_binary(str(part))


def _check(path: Path, mesh: Mesh, times: Tensor, slow_motion: float) -> None:
    if path.suffix != ".glb":
        raise InputError(f"a mesh is written as .glb, not {path.name}")
    if mesh.verts.ndim != 3 or mesh.texture.ndim != 3:
        raise ShapeError(
            f"one sample at a time: verts {tuple(mesh.verts.shape)} should be (N, V, 3), "
            f"texture {tuple(mesh.texture.shape)} should be (3, H, W)"
        )
    if len(times) != len(mesh.verts):
        raise ShapeError(f"{len(mesh.verts)} sub-frames, but {len(times)} times")
    if not bool(torch.isfinite(mesh.verts).all()) or not bool(torch.isfinite(mesh.texture).all()):
        raise InputError("the mesh or its texture holds NaN or infinity; nothing was written")
    if not bool((times.diff() > 0).all()) or not slow_motion > 0:
        raise InputError(f"times must increase and slow_motion ({slow_motion}) be positive")


def _build(mesh: Mesh, keys: np.ndarray) -> gltf.GLTF2:
    """The document of a mesh whose sub-frames show at `keys`, s."""
    buffer = GltfBuffer()
    vertex, uv, faces = split_seams(mesh)
    verts = mesh.verts.detach().cpu().float().numpy()[:, vertex] * CAMERA_TO_GLTF
    attributes = gltf.Attributes(
        POSITION=buffer.add_array(verts[0], gltf.VEC3, gltf.ARRAY_BUFFER),
        TEXCOORD_0=buffer.add_array(uv, gltf.VEC2, gltf.ARRAY_BUFFER),
    )
    primitive = gltf.Primitive(
        attributes=attributes,
        indices=buffer.add_array(faces.reshape(-1), gltf.SCALAR, gltf.ELEMENT_ARRAY_BUFFER),
        material=0,
        targets=[
            {"POSITION": buffer.add_array(frame - verts[0], gltf.VEC3, gltf.ARRAY_BUFFER)}
            for frame in verts[1:]
        ],
    )
    image = buffer.add_texture(mesh.texture)
    animations = [_animation(buffer, keys)] if len(keys) > 1 else []
    return buffer.document(
        scenes=[gltf.Scene(nodes=[0])],
        nodes=[gltf.Node(mesh=0, name="body")],
        meshes=[gltf.Mesh(primitives=[primitive], weights=[0.0] * (len(keys) - 1), name="body")],
        # Unlit: the fitted texture already holds the light of the photo.
        materials=[textured_material({FLAT_SHADING: {}})],
        images=[image],
        animations=animations,
        extensionsUsed=[FLAT_SHADING],
    )


def _animation(buffer: GltfBuffer, keys: np.ndarray) -> gltf.Animation:
    """Weight k-1 is one at key k and zero at all others; key 0 is the mesh itself."""
    weights = np.eye(len(keys), dtype=np.float32)[:, 1:].reshape(-1)
    sampler = gltf.AnimationSampler(
        input=buffer.add_array(keys.astype(np.float32), gltf.SCALAR),
        output=buffer.add_array(weights, gltf.SCALAR),
        interpolation=gltf.ANIM_LINEAR,
    )
    channel = gltf.AnimationChannel(
        sampler=0, target=gltf.AnimationChannelTarget(node=0, path="weights")
    )
    return gltf.Animation(name="exposure", samplers=[sampler], channels=[channel])
