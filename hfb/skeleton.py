"""SMPL's skeleton, the one place where it is written down: names, tree, sides, chains.

The free body has it too. Parts that only work on it ask `require_smpl`.
"""

from __future__ import annotations

from hfb.errors import BodyModelError

SMPL_JOINT_NAMES = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2",
    "left_ankle", "right_ankle", "spine3", "left_foot", "right_foot", "neck",
    "left_collar", "right_collar", "head", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hand", "right_hand",
)  # fmt: skip

SMPL_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
"""Parent of each joint; the root comes first and has none."""

NUM_JOINTS = len(SMPL_JOINT_NAMES)

NUM_SHARED_JOINTS = 22
"""SMPL, SMPL-H and SMPL-X share the root and the first 21 body joints; the hands differ."""

POSE_SIZES = {"smpl": 3 * NUM_JOINTS, "smplh": 156, "smplx": 165}
"""Numbers of a pose as rotation vectors, root first, of each body of the family."""

CHAINS = {
    "left_leg": (1, 4, 7, 10),
    "right_leg": (2, 5, 8, 11),
    "left_arm": (13, 16, 18, 20, 22),
    "right_arm": (14, 17, 19, 21, 23),
    "torso": (3, 6, 9, 12, 15),
    "root": (0,),
}
"""Joints of each kinematic chain, from the body outwards; together they are all joints."""


def other_sides(names: tuple[str, ...]) -> tuple[int, ...]:
    """For each name the index of the one on the other side of the body; itself in the middle.

    Args:
        names: with `left` or `right` as a word of their own where there are two.

    Raises:
        KeyError: if a side is missing.

    Example:
        >>> other_sides(("nose", "left_eye", "right_eye"))
        (0, 2, 1)
    """
    swapped = {"left": "right", "right": "left"}
    index = {name: k for k, name in enumerate(names)}
    others = ("_".join(swapped.get(word, word) for word in name.split("_")) for name in names)
    return tuple(index[other] for other in others)


OTHER_SIDE = other_sides(SMPL_JOINT_NAMES)
"""For each joint the one on the other side."""


def require_smpl(part: str, num_joints: int) -> None:
    """Refuse a body with other joints than SMPL's.

    Args:
        part: what cannot do without them.
        num_joints: of the body, root included.

    Raises:
        BodyModelError: if they are not 24.
    """
    if num_joints != NUM_JOINTS:
        raise BodyModelError(
            f"{part} needs SMPL's {NUM_JOINTS} joints, root included; this body has {num_joints}"
        )
