"""Clinical joint angles to SMPL joint rotations.

The SMPL rest pose is a T-pose: x to the body's left, y up, z forward, all joint frames parallel to
these axes. Angles are those of `action_library`; the right side is the mirror image of the left.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from datamodules.synthetic.movement.action_library import LIMITS, SIDE_ANGLES
from hfb.skeleton import CHAINS, NUM_JOINTS

Array = NDArray[np.float64]

_MIRROR = np.diag([-1.0, 1.0, 1.0])
# Left and right hip, knee, ankle, foot, collar, shoulder, elbow, wrist; hands stay at rest.
_SIDE_JOINTS = {
    side[0]: (*CHAINS[f"{side}_leg"], *CHAINS[f"{side}_arm"][:-1]) for side in ("left", "right")
}
# Shares of the torso's bend that fall on spine1, spine2, spine3 (the thorax turns more than it
# bends) and of the neck's on neck, head.
_SPINE = {"flex": (0.38, 0.34, 0.28), "side": (0.33, 0.34, 0.33), "twist": (0.22, 0.34, 0.44)}
_NECK = (0.55, 0.45)
_MAX_INVERSION = 22.0


def soft_limit(value: Array, low: float, high: float, margin: float = 4.0) -> Array:
    """Keep an angle inside its range without a kink.

    The identity until `margin` degrees before a limit, then an exponential approach to the limit,
    with a continuous first derivative.

    Args:
        value: angles, degrees.
        low: smallest value, degrees.
        high: largest value, degrees.
        margin: where the bend starts, degrees; reduced for narrow ranges.
    """
    margin = min(margin, 0.25 * (high - low))
    over = np.maximum(value - (high - margin), 0.0)
    under = np.maximum(low + margin - value, 0.0)
    inside = np.clip(value, low + margin, high - margin)
    return inside + margin * (1 - np.exp(-over / margin)) - margin * (1 - np.exp(-under / margin))


def limit_angles(angles: Mapping[str, Array]) -> dict[str, Array]:
    """All angles inside the anatomical `LIMITS`; `flat` stays a share in [0, 1]."""
    limited: dict[str, Array] = {}
    for name, value in angles.items():
        key = name[2:] if name[:2] in ("l_", "r_") else name
        if key == "flat":
            limited[name] = np.clip(value, 0.0, 1.0)
        else:
            limited[name] = soft_limit(value, *LIMITS[key]) if key in LIMITS else value
    return limited


def axis_rotation(axis: str, degrees: Array) -> Array:
    """Rotation matrices (S, 3, 3) about one coordinate axis, right-handed."""
    angle = np.deg2rad(np.asarray(degrees, dtype=np.float64))
    cos, sin = np.cos(angle), np.sin(angle)
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    rotmat = np.zeros((*angle.shape, 3, 3))
    rotmat[..., range(3), range(3)] = 1.0
    rotmat[..., i, i] = rotmat[..., j, j] = cos
    rotmat[..., i, j], rotmat[..., j, i] = -sin, sin
    return rotmat


def _torso(angles: Mapping[str, Array], rotmat: Array) -> None:
    """Write root, spine, neck and head."""
    rotmat[:, 0] = (
        axis_rotation("y", angles["root_yaw"])
        @ axis_rotation("x", angles["root_pitch"])
        @ axis_rotation("z", -angles["root_roll"])
    )
    for k, joint in enumerate((3, 6, 9)):
        rotmat[:, joint] = (
            axis_rotation("y", _SPINE["twist"][k] * angles["spine_twist"])
            @ axis_rotation("x", _SPINE["flex"][k] * angles["spine_flex"])
            @ axis_rotation("z", -_SPINE["side"][k] * angles["spine_side"])
        )
    for share, joint in zip(_NECK, (12, 15), strict=True):
        rotmat[:, joint] = (
            axis_rotation("y", share * angles["neck_twist"])
            @ axis_rotation("x", share * angles["neck_flex"])
            @ axis_rotation("z", -share * angles["neck_side"])
        )


def _leg(a: Mapping[str, Array], pitch: Array, roll: Array) -> list[Array]:
    """Hip, knee, ankle and foot of a left leg.

    A flat foot undoes the pitch and roll that pelvis, hip and knee give it, as far as an ankle can.

    Args:
        a: the side's angles, degrees.
        pitch: forward lean of the pelvis, degrees.
        roll: lean of the pelvis towards this leg, degrees.
    """
    hip = (
        axis_rotation("x", -a["hip_flex"])
        @ axis_rotation("z", a["hip_abd"])
        @ axis_rotation("y", a["hip_rot"])
    )
    level = a["flat"] * (a["hip_flex"] - a["knee"] - pitch)
    ankle_angle = soft_limit(level + a["ankle"], *LIMITS["ankle"])
    inversion = soft_limit(a["flat"] * (roll - a["hip_abd"]), -_MAX_INVERSION, _MAX_INVERSION)
    ankle = axis_rotation("z", inversion) @ axis_rotation("x", ankle_angle)
    return [hip, axis_rotation("x", a["knee"]), ankle, axis_rotation("x", a["toe"])]


def _arm(a: Mapping[str, Array]) -> list[Array]:
    """Collar, shoulder, elbow and wrist of a left arm.

    The arm is lowered from the T-pose, abducted, flexed and turned, in this order. The shoulder
    blade follows a raised arm with about a fifth of the angle (scapulohumeral rhythm).
    """
    lowered = axis_rotation("z", a["sh_abd"] - 90.0) @ axis_rotation("x", a["sh_rot"])
    shoulder = axis_rotation("y", -a["sh_turn"]) @ axis_rotation("x", -a["sh_flex"]) @ lowered
    height = np.rad2deg(np.arcsin(np.clip(shoulder[:, 1, 0], -1.0, 1.0)))
    lift = 0.18 * np.logaddexp(0.0, (height + 35.0) / 15.0) * 15.0
    collar = axis_rotation("z", lift)
    shoulder = axis_rotation("z", -0.6 * lift) @ shoulder
    elbow = axis_rotation("y", -a["elbow"]) @ axis_rotation("x", a["fore"])
    return [collar, shoulder, elbow, axis_rotation("z", -a["wrist"])]


def angles_to_rotmat(angles: Mapping[str, Array]) -> Array:
    """Pose matrices of a set of anatomical angles.

    Not in the paper: there poses come from motion capture.

    Args:
        angles: (S,) arrays in degrees for every name of `action_library.ANGLES`, already limited.

    Returns:
        Rotations (S, 24, 3, 3): the root takes the body into a world with y up, facing +z at yaw 0;
        the others are relative to their parents.
    """
    num = len(angles["root_yaw"])
    rotmat = np.broadcast_to(np.eye(3), (num, NUM_JOINTS, 3, 3)).copy()
    _torso(angles, rotmat)
    for side, joints in _SIDE_JOINTS.items():
        own = {name: angles[f"{side}_{name}"] for name in SIDE_ANGLES}
        roll = angles["root_roll"] * (1.0 if side == "l" else -1.0)
        for joint, matrix in zip(
            joints, _leg(own, angles["root_pitch"], roll) + _arm(own), strict=True
        ):
            rotmat[:, joint] = matrix if side == "l" else _MIRROR @ matrix @ _MIRROR
    return rotmat
