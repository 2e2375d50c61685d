"""The moving body as the page's 3D view takes it: small, and the same surface only once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from hfb.body import SmplBody
from hfb.export import JointMotion, closest_rest
from hfb.export.gltf_buffer import CAMERA_TO_GLTF, split_seams
from hfb.export.rig import strongest_weights
from hfb.refine.result import Refinement
from hfb.report.page.packing import packed, picture, quantised
from hfb.report.page.photo_view import PhotoView
from hfb.report.rig_files import rig_of
from hfb.structures import BodyParams, Mesh

PLACE_STEP = 1e-4
"""Of vertices, m."""
TURN_STEP = 1.0 / 32767
"""Of quaternions."""


def surface_of(body: SmplBody) -> tuple[str, dict[str, Any]]:
    """What all results with one body share: triangles, texture coordinates, skin, joints.

    Args:
        body: the body model.

    Returns:
        A short name that changes with the content, and the content.
    """
    mesh = Mesh(body.template[None], body.faces, body.uv, body.faces_uv, torch.zeros(3, 1, 1))
    vertex, uv, faces = split_seams(mesh)
    joints, weights = strongest_weights(body.weights)
    surface = {
        "faces": packed(faces.astype(np.uint16)),
        "vertex": packed(vertex.astype(np.uint16)),
        "uv": packed(np.round(uv * 65535).astype(np.uint16)),
        "skin_joints": packed(joints),
        "skin_weights": packed(np.round(weights * 255).astype(np.uint8)),
        "parents": list(body.parents),
        "names": list(body.joint_names),
    }
    return hashlib.sha256(repr(surface).encode()).hexdigest()[:8], surface


@torch.no_grad()
def moving_body(
    refinements: Sequence[Refinement], views: Sequence[PhotoView], body: SmplBody
) -> dict[str, Any]:
    """Shape, texture and motion of a result, in glTF's axes.

    Args:
        refinements: of the photos; the first has the shape, the last the texture.
        views: of photos, with poses.
        body: the body model.
    """
    rig = rig_of(body, refinements[0].betas, refinements[-1].texture)
    poses = torch.cat([view.pose_rotmat for view in views if view.pose_rotmat is not None])
    roots = torch.cat([view.root for view in views if view.root is not None])
    motion = JointMotion(torch.arange(len(poses)).double(), poses, roots)
    transl = roots - rig.skeleton.rest_joints[0]
    posed = body(BodyParams(refinements[0].betas, poses, transl)).verts
    rest = closest_rest(rig, motion, posed).rest_verts
    own = poses.double().numpy().copy()
    own[:, 0] = CAMERA_TO_GLTF[:, None] * own[:, 0]
    quats = Rotation.from_matrix(own.reshape(-1, 3, 3)).as_quat()
    camera = refinements[0].camera
    return {
        "rest": quantised(rest.numpy(), PLACE_STEP),
        "rest_step": PLACE_STEP,
        "rest_joints": rig.skeleton.rest_joints.double().numpy().round(4).tolist(),
        "turns": quantised(quats, TURN_STEP),
        "turn_step": TURN_STEP,
        "roots": (roots.double().numpy() * CAMERA_TO_GLTF).round(4).tolist(),
        "texture": picture(refinements[-1].texture),
        "camera": {
            "focal": camera.focal.tolist(),
            "centre": camera.principal_point.tolist(),
            "size": [camera.width, camera.height],
        },
    }
