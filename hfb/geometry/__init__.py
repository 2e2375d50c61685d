"""Rotations, the pinhole camera and the similarity alignment: the one place each of them lives.

The camera frame is OpenCV's: x right, y down, z forward, metres.
"""

from hfb.geometry.alignment import (
    MODEL_TO_CAMERA,
    heading_rotation,
    procrustes_align,
    upright_rotation,
)
from hfb.geometry.cameras import MIN_DEPTH, default_camera, project, seen_by
from hfb.geometry.normals import face_normals, vertex_normals
from hfb.geometry.rotations import (
    _TINY_ANGLE,
    angular_velocity_of_rotvec,
    cross_matrix,
    nearest_rotation,
    quat_xyzw_to_rotmat,
    rotation_from_6d,
    rotmat_to_rotvec,
    rotvec_jacobian,
    rotvec_to_rotmat,
)

__all__ = [
    "MIN_DEPTH",
    "MODEL_TO_CAMERA",
    "_TINY_ANGLE",
    "angular_velocity_of_rotvec",
    "cross_matrix",
    "default_camera",
    "face_normals",
    "heading_rotation",
    "nearest_rotation",
    "procrustes_align",
    "project",
    "quat_xyzw_to_rotmat",
    "rotation_from_6d",
    "rotmat_to_rotvec",
    "rotvec_jacobian",
    "rotvec_to_rotmat",
    "seen_by",
    "upright_rotation",
    "vertex_normals",
]
