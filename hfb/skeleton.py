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

REST_PELVIS = {
    "smpl": {
        "neutral": (-0.00179506, -0.22333382, 0.02821918),
        "male": (-0.00217368, -0.24078918, 0.02858379),
        "female": (-0.00087631, -0.21141872, 0.02782112),
    },
    "smplx": {"neutral": (0.00312326, -0.35140746, 0.01203655)},
    "free_body": {"neutral": (0.0, -0.22, 0.03)},
}
"""Where the root joint of each body's mean shape lies in the model frame, m.

smplx's `transl` is the way from there to the root joint in the camera: the same `transl` puts the
root of SMPL-X 13 cm above that of SMPL. The values are those of the published model files.
"""

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


def rest_pelvis(model: str, gender: str = "neutral") -> tuple[float, float, float]:
    """Where the root joint of a body's mean shape lies in the model frame, m.

    Args:
        model: smpl, smplh (whose body is SMPL's), smplx or free_body.
        gender: of the model; where it is not known, the neutral one stands in.

    Raises:
        BodyModelError: if there is no such model.
    """
    model = "smpl" if model == "smplh" else model
    if model not in REST_PELVIS:
        raise BodyModelError(f"no body model {model!r}: known are {', '.join(REST_PELVIS)}, smplh")
    known = REST_PELVIS[model]
    return known.get(gender, known["neutral"])


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
