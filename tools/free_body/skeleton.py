"""SMPL's joint tree (an interface: names, order, parents) laid over MakeHuman's bones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hfb.skeleton import NUM_JOINTS, OTHER_SIDE, SMPL_JOINT_NAMES, SMPL_PARENTS

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

JOINTS, PARENTS = SMPL_JOINT_NAMES, SMPL_PARENTS
# A list: numpy would take a tuple for one index an axis.
MIRROR = list(OTHER_SIDE)
# Mirroring a point or displacement: x changes its sign.
FLIP = np.array([-1, 1, 1])

# Joints as affine combinations of bone heads, so they stay linear in the shape. Chosen so that they
# stand where SMPL's do, relative to the body.
_JOINT_FROM_BONES: dict[str, dict[str, float]] = {
    "pelvis": {"spine05": 0.5, "spine04": 0.5},
    "spine1": {"spine03": 1},
    "spine2": {"spine02": 0.6, "spine01": 0.4},
    "spine3": {"spine02": 0.2, "spine01": 0.8},
    "neck": {"neck01": 1},
    "head": {"neck03": 1},
    "left_hip": {"upperleg02.L": 0.6, "upperleg01.L": 0.15, "spine05": 0.25},
    "left_knee": {"lowerleg01.L": 1},
    "left_ankle": {"foot.L": 1},
    "left_foot": {
        "foot.L": 0.15,
        "toe1-1.L": 0.2,
        "toe2-1.L": 0.2,
        "toe3-1.L": 0.2,
        "toe4-1.L": 0.15,
        "toe5-1.L": 0.1,
    },
    "left_collar": {"upperarm01.L": 0.45, "spine01": 0.40, "clavicle.L": 0.15},
    "left_shoulder": {"upperarm01.L": 1},
    "left_elbow": {"lowerarm01.L": 1},
    "left_wrist": {"wrist.L": 1},
    "left_hand": {"finger3-1.L": 0.8, "wrist.L": 0.2},
}
_PELVIS_SHIFT = np.array([0, 0, 0.04])  # m, forward

# Which joint a bone's skin weight goes to; the longest matching beginning counts.
_BONE_TO_JOINT = {
    "root": "pelvis",
    "pelvis": "pelvis",
    "spine05": "pelvis",
    "spine04": "spine1",
    "spine03": "spine1",
    "spine02": "spine2",
    "spine01": "spine3",
    "breast": "spine3",
    "upperleg": "hip",
    "lowerleg": "knee",
    "foot": "ankle",
    "toe": "foot",
    "clavicle": "collar",
    "shoulder01": "collar",
    "upperarm": "shoulder",
    "lowerarm": "elbow",
    "wrist": "wrist",
    "metacarpal": "wrist",
    "finger": "hand",
    "neck01": "neck",
    "neck02": "neck",
}
_MIDLINE = ("pelvis", "spine1", "spine2", "spine3", "neck", "head")


def joint_of_bone(bone: str) -> str:
    """The SMPL joint that a MakeHuman bone (`name` or `name.L`, `name.R`) moves with.

    Args:
        bone: MakeHuman's label.

    Returns:
        A name of `JOINTS`; bones of the face go to the head.
    """
    name, _, side = bone.partition(".")
    found = [joint for start, joint in _BONE_TO_JOINT.items() if name.startswith(start)]
    joint = found[0] if found else "head"
    return joint if joint in _MIDLINE else {"L": "left_", "R": "right_"}[side] + joint


def joints_from_bones(labels: list[str], heads: Array) -> Array:
    """Joint positions of bodies in MakeHuman's own pose.

    Args:
        labels: the bones' names.
        heads: (B, bones, 3) where bones start, m.

    Returns:
        (B, 24, 3) joints, m.
    """
    joints = np.zeros((len(heads), NUM_JOINTS, 3))
    for j, name in enumerate(JOINTS):
        shares = _JOINT_FROM_BONES.get(name)
        if shares is None:
            left = _JOINT_FROM_BONES[JOINTS[MIRROR[j]]]
            shares = {bone.replace(".L", ".R"): share for bone, share in left.items()}
        joints[:, j] = sum(share * heads[:, labels.index(b)] for b, share in shares.items())
    joints[:, 0] += _PELVIS_SHIFT
    return joints
