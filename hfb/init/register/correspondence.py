"""Which points of a SMPL-format body the BlazePose landmarks stand for.

Not in the paper. Both sides are linear maps: a channel is a weighted mean of landmarks on the image
side and a weighted mean of joints and vertices on the body side.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hfb.body import SmplBody
from hfb.skeleton import other_sides
from hfb.structures import SeenLandmarks

HIP_WIDENING = 0.25
"""BlazePose's hips lie outside the joints, by this share of the joints' distance from mid-hip."""


@dataclass(frozen=True)
class _Channel:
    """One row of the table below: weights by name, the channel's trust, its mirror image."""

    name: str
    landmarks: dict[int, float]
    joints: dict[str, float]
    vertices: dict[str, float]
    trust: float


def _side(name: str, landmarks: list[int], joint: str = "", vertices: tuple[str, ...] = (),
          trust: float = 1.0) -> _Channel:  # fmt: skip
    return _Channel(
        name,
        {index: 1.0 / len(landmarks) for index in landmarks},
        {joint: 1.0} if joint else {},
        {vertex: 1.0 / len(vertices) for vertex in vertices},
        trust,
    )


def _hip(name: str, landmark: int, joint: str, other: str) -> _Channel:
    widening = HIP_WIDENING / 2
    return _Channel(name, {landmark: 1.0}, {joint: 1.0 + widening, other: -widening}, {}, 0.7)


_CHANNELS = (
    _side("nose", [0], vertices=("nose",), trust=0.7),
    _side("left_eye", [2], vertices=("leye",), trust=0.5),
    _side("right_eye", [5], vertices=("reye",), trust=0.5),
    _side("left_ear", [7], vertices=("lear",), trust=0.5),
    _side("right_ear", [8], vertices=("rear",), trust=0.5),
    _side("left_shoulder", [11], "left_shoulder"),
    _side("right_shoulder", [12], "right_shoulder"),
    _side("left_elbow", [13], "left_elbow"),
    _side("right_elbow", [14], "right_elbow"),
    _side("left_wrist", [15], "left_wrist"),
    _side("right_wrist", [16], "right_wrist"),
    _side("left_hand", [17, 19], "left_hand", trust=0.5),
    _side("right_hand", [18, 20], "right_hand", trust=0.5),
    _hip("left_hip", 23, "left_hip", "right_hip"),
    _hip("right_hip", 24, "right_hip", "left_hip"),
    _side("left_knee", [25], "left_knee"),
    _side("right_knee", [26], "right_knee"),
    _side("left_ankle", [27], "left_ankle"),
    _side("right_ankle", [28], "right_ankle"),
    _side("left_heel", [29], vertices=("LHeel",), trust=0.5),
    _side("right_heel", [30], vertices=("RHeel",), trust=0.5),
    _side("left_toe", [31], vertices=("LBigToe", "LSmallToe"), trust=0.5),
    _side("right_toe", [32], vertices=("RBigToe", "RSmallToe"), trust=0.5),
)

CHANNEL_NAMES = tuple(channel.name for channel in _CHANNELS)
_BELOW_HIPS = [
    row
    for row, name in enumerate(CHANNEL_NAMES)
    if name.split("_")[-1] in ("knee", "ankle", "heel", "toe")
]


@dataclass(frozen=True)
class Correspondence:
    """The two linear maps onto the channels.

    Attributes:
        from_landmarks: weights of the 33 landmarks in each channel.
        from_points: weights of the body's joints and vertices in each channel.
        trust: how far each channel is believed, in [0, 1].
        vertices: indices of the vertices that follow the joints among the points.
    """

    from_landmarks: Float[Tensor, "M 33"]
    from_points: Float[Tensor, "M P"]
    trust: Float[Tensor, " M"]
    vertices: Int[Tensor, " V"]


def correspondence(body: SmplBody) -> Correspondence:
    """The table for one body; channels whose vertices the body does not name get no trust.

    Args:
        body: any SMPL-format body.
    """
    names = sorted({name for channel in _CHANNELS for name in channel.vertices})
    names = [name for name in names if name in body.landmark_vertices]
    num_joints = len(body.parents)
    landmarks = torch.zeros(len(_CHANNELS), 33, dtype=torch.float64)
    points = torch.zeros(len(_CHANNELS), num_joints + len(names), dtype=torch.float64)
    trust = torch.zeros(len(_CHANNELS), dtype=torch.float64)
    for row, channel in enumerate(_CHANNELS):
        for index, weight in channel.landmarks.items():
            landmarks[row, index] = weight
        if not all(name in names for name in channel.vertices):
            continue
        for name, weight in channel.joints.items():
            points[row, body.joint_names.index(name)] = weight
        for name, weight in channel.vertices.items():
            points[row, num_joints + names.index(name)] = weight
        trust[row] = channel.trust
    device = body.template.device
    vertices = torch.tensor([body.landmark_vertices[name] for name in names], dtype=torch.long)
    return Correspondence(
        landmarks.to(device), points.to(device), trust.to(device), vertices.to(device)
    )


def legs_exchanged(seen: SeenLandmarks) -> SeenLandmarks:
    """The same landmarks with the left leg where the right one was.

    Args:
        seen: any hypotheses.
    """
    order = torch.arange(len(CHANNEL_NAMES))
    order[_BELOW_HIPS] = torch.tensor(other_sides(CHANNEL_NAMES))[_BELOW_HIPS]
    return SeenLandmarks(seen.xy[:, order], seen.trust[:, order])
