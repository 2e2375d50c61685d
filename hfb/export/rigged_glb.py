"""The moving, textured body as one glTF binary with a skeleton: joints turn, the skin follows."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pygltflib as gltf
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from hfb.errors import InputError
from hfb.export.gltf_buffer import (
    CAMERA_TO_GLTF,
    SLOW_MOTION,
    GltfBuffer,
    split_seams,
    textured_material,
)
from hfb.export.rig import JointMotion, Rig, Shot, Skeleton, strongest_weights
from hfb.geometry import vertex_normals
from hfb.storage import atomic_write
from hfb.structures import Camera, Mesh

NEAR = 0.01
"""Distance from which a viewer's camera sees something, m; glTF demands one."""
REAL_TIME, SLOWED = "exposure", "exposure_slow"
"""Names of the two animations."""


def write_rigged_glb(
    path: str | Path,
    rig: Rig,
    motion: JointMotion,
    shot: Shot | None = None,
    slow_motion: float = SLOW_MOTION,
    extras: dict[str, object] | None = None,
) -> None:
    """Write a body with skeleton and animation as `.glb`, whole or not at all.

    Not in the paper: output for animation programs and game engines. Axes are glTF's (x right, y
    up, z towards the viewer), the photo's camera sits at the origin. The first animation plays in
    real time, the second one `slow_motion` times slower: an exposure of 33 ms cannot be watched.
    At a key every joint is exact; between keys rotations take the shortest way.

    Args:
        path: file name ending in .glb.
        rig: the body; of each vertex the four strongest joints are kept.
        motion: in the camera frame (y down, z forward).
        shot: the photo's camera; without it there is none in the file.
        slow_motion: how many times longer than real the second animation takes.
        extras: anything JSON can hold, stored as the asset's `extras`.

    Raises:
        ShapeError: if motion and skeleton do not belong together.
        InputError: if anything holds NaN, times do not increase, slow_motion is not positive, or
            the file cannot be written.
    """
    path = Path(path)
    if path.suffix != ".glb":
        raise InputError(f"a body is written as .glb, not {path.name}")
    motion.check(rig.skeleton)
    parts = (rig.rest_verts, rig.skeleton.rest_joints, rig.texture, rig.weights)
    if not all(bool(torch.isfinite(part).all()) for part in parts):
        raise InputError("the body or its texture holds NaN or infinity; nothing was written")
    if not slow_motion > 0:
        raise InputError(f"slow_motion ({slow_motion}) must be positive")
    document = _build(rig, motion, shot, slow_motion)
    document.asset.extras = {"times_s": motion.times.tolist(), "slow_motion": slow_motion}
    document.asset.extras.update(extras or {})
    with atomic_write(path) as part:
        document.save_binary(str(part))


def _build(rig: Rig, motion: JointMotion, shot: Shot | None, slow_motion: float) -> gltf.GLTF2:
    """Nodes: the joints as the skeleton numbers them, the skin, the camera."""
    buffer, skeleton = GltfBuffer(), rig.skeleton
    primitive = _primitive(buffer, rig)
    turns, places = _quaternions(motion.pose_rotmat), _root_places(motion)
    nodes = _joint_nodes(skeleton, turns, places)
    nodes.append(gltf.Node(name="body", mesh=0, skin=0))
    roots = [0, len(nodes) - 1]
    cameras = []
    if shot is not None:
        roots.append(len(nodes))
        nodes.append(gltf.Node(name="camera", camera=0, extras=shot.extras))
        cameras.append(_camera(shot.camera))
    image = buffer.add_texture(rig.texture)
    is_moving = len(motion.times) > 1
    return buffer.document(
        scenes=[gltf.Scene(nodes=roots)],
        nodes=nodes,
        meshes=[gltf.Mesh(primitives=[primitive], name="body")],
        skins=[_skin(buffer, skeleton)],
        cameras=cameras,
        materials=[textured_material()],
        images=[image],
        animations=_animations(buffer, motion, turns, places, slow_motion) if is_moving else [],
    )


def _primitive(buffer: GltfBuffer, rig: Rig) -> gltf.Primitive:
    topology = Mesh(rig.rest_verts[None], rig.faces, rig.uv, rig.faces_uv, rig.texture)
    vertex, uv, faces = split_seams(topology)
    joints, weights = strongest_weights(rig.weights)
    normals = vertex_normals(rig.rest_verts, rig.faces)

    def of(values: Tensor) -> NDArray[np.float32]:
        return values.detach().cpu().float().numpy()[vertex]

    target = gltf.ARRAY_BUFFER
    attributes = gltf.Attributes(
        POSITION=buffer.add_array(of(rig.rest_verts), gltf.VEC3, target),
        NORMAL=buffer.add_array(of(normals), gltf.VEC3, target),
        TEXCOORD_0=buffer.add_array(uv, gltf.VEC2, target),
        JOINTS_0=buffer.add_array(joints[vertex], gltf.VEC4, target),
        WEIGHTS_0=buffer.add_array(weights[vertex], gltf.VEC4, target),
    )
    indices = buffer.add_array(faces.reshape(-1), gltf.SCALAR, gltf.ELEMENT_ARRAY_BUFFER)
    return gltf.Primitive(attributes=attributes, indices=indices, material=0)


def _skin(buffer: GltfBuffer, skeleton: Skeleton) -> gltf.Skin:
    """Joints are not turned in the rest pose: the way back from one is a translation."""
    inverse = np.tile(np.eye(4, dtype=np.float32), (len(skeleton.names), 1, 1))
    inverse[:, :3, 3] = -skeleton.rest_joints.detach().cpu().float().numpy()
    columns = np.ascontiguousarray(inverse.transpose(0, 2, 1))  # glTF's matrices: column by column
    return gltf.Skin(
        name="skeleton",
        inverseBindMatrices=buffer.add_array(columns, gltf.MAT4),
        skeleton=0,
        joints=list(range(len(skeleton.names))),
    )


def _joint_nodes(
    skeleton: Skeleton, turns: NDArray[np.float32], places: NDArray[np.float32]
) -> list[gltf.Node]:
    """The skeleton as the first key has it, for viewers that play nothing."""
    bones = skeleton.bones().float().numpy()
    bones[0] = places[0]
    return [
        gltf.Node(
            name=name,
            translation=bones[j].tolist(),
            rotation=turns[0, j].tolist(),
            children=[k for k, parent in enumerate(skeleton.parents) if parent == j],
        )
        for j, name in enumerate(skeleton.names)
    ]


def _animations(
    buffer: GltfBuffer,
    motion: JointMotion,
    turns: NDArray[np.float32],
    places: NDArray[np.float32],
    slow_motion: float,
) -> list[gltf.Animation]:
    """The same keys twice, at their own times and slowed down."""
    moved = buffer.add_array(places, gltf.VEC3)
    turned = [
        buffer.add_array(np.ascontiguousarray(turns[:, j]), gltf.VEC4)
        for j in range(turns.shape[1])
    ]
    outputs = [(0, "translation", moved), *((j, "rotation", k) for j, k in enumerate(turned))]
    seconds = (motion.times.double() - motion.times[0].double()).numpy()
    animations = []
    for name, factor in ((REAL_TIME, 1.0), (SLOWED, slow_motion)):
        keys = buffer.add_array((seconds * factor).astype(np.float32), gltf.SCALAR)
        samplers = [
            gltf.AnimationSampler(input=keys, output=output, interpolation=gltf.ANIM_LINEAR)
            for _, _, output in outputs
        ]
        channels = [
            gltf.AnimationChannel(
                sampler=k, target=gltf.AnimationChannelTarget(node=node, path=path)
            )
            for k, (node, path, _) in enumerate(outputs)
        ]
        extras = {"slow_motion": factor}
        animations.append(
            gltf.Animation(name=name, samplers=samplers, channels=channels, extras=extras)
        )
    return animations


def _quaternions(rotmat: Tensor) -> NDArray[np.float32]:
    """Rotations (K, J, 4) as x, y, z, w; the root's lead into glTF's axes.

    Neighbours have the same sign: players that blend the numbers then take the shorter way.
    """
    own = rotmat.detach().cpu().double().numpy().copy()
    own[:, 0] = CAMERA_TO_GLTF[:, None] * own[:, 0]
    quats = Rotation.from_matrix(own.reshape(-1, 3, 3)).as_quat().reshape(*own.shape[:2], 4)
    for k in range(1, len(quats)):
        against = (quats[k] * quats[k - 1]).sum(-1) < 0
        quats[k, against] *= -1.0
    return quats.astype(np.float32)


def _root_places(motion: JointMotion) -> NDArray[np.float32]:
    return (motion.root.detach().cpu().double().numpy() * CAMERA_TO_GLTF).astype(np.float32)


def _camera(camera: Camera) -> gltf.Camera:
    """GlTF knows no shifted principal point: that stands in the extras of the camera's node."""
    focal_x, focal_y = (float(value) for value in camera.focal)
    perspective = gltf.Perspective(
        yfov=2.0 * math.atan(0.5 * camera.height / focal_y),
        aspectRatio=(camera.width / focal_x) / (camera.height / focal_y),
        znear=NEAR,
    )
    return gltf.Camera(name="photo", type="perspective", perspective=perspective)
