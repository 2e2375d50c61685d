"""The 33 BlazePose landmarks: their names, their mirror image and their container."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from hfb.init.detect.detector_output import NUM_POINTS, DetectorOutput
from hfb.skeleton import other_sides

LANDMARK_NAMES = (
    "nose", "left_eye_inner", "left_eye", "left_eye_outer",
    "right_eye_inner", "right_eye", "right_eye_outer", "left_ear", "right_ear",
    "mouth_left", "mouth_right", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_pinky", "right_pinky", "left_index", "right_index", "left_thumb", "right_thumb",
    "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    "left_heel", "right_heel", "left_foot_index", "right_foot_index",
)  # fmt: skip

FLIP = np.array(other_sides(LANDMARK_NAMES))
"""Where each landmark goes when left and right are exchanged."""

LEG_LANDMARKS = np.arange(25, 33)
"""Knees to toes: what is exchanged when only the legs are confused."""

LIMB_LANDMARKS = np.array([11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28])
"""Shoulders to wrists and hips to ankles: the twelve that say most about the pose."""


@dataclass(frozen=True)
class Landmarks:
    """One guess at the body's landmarks.

    Attributes:
        xy: position in the full image, px.
        world: position relative to mid-hip, axes as the camera (x right, y down, z away), m; metric
            for a body of average size.
        visibility: probability that the landmark is in the image and not hidden.
        score: the network's confidence that there is a person, or a search's own score.
        roi: the square it was read from: centre x, centre y, side (px), rotation (rad, clockwise).
        next_roi: the square that the network itself would look at next.
        spread_px: how far an ensemble's members lie from `xy`, px; zero for a single run.
        outputs: all that the network said, of a single run or of each member of an ensemble; those
            of mirrored images are left in their own mirrored world.
    """

    xy: Float[np.ndarray, "33 2"]
    world: Float[np.ndarray, "33 3"]
    visibility: Float[np.ndarray, " 33"]
    score: float
    roi: tuple[float, float, float, float]
    next_roi: tuple[float, float, float, float]
    spread_px: Float[np.ndarray, " 33"] | None = None
    outputs: tuple[DetectorOutput, ...] = ()


def mirror_landmarks(landmarks: Landmarks, width: int) -> Landmarks:
    """Landmarks found in a mirrored image, brought back into the image itself.

    Args:
        landmarks: found in the image that was mirrored left to right.
        width: image width, px.
    """
    x, y, side, angle = landmarks.roi
    next_x, next_y, next_side, next_angle = landmarks.next_roi
    return Landmarks(
        xy=landmarks.xy[FLIP] * [-1.0, 1.0] + [float(width), 0.0],
        world=landmarks.world[FLIP] * [-1.0, 1.0, 1.0],
        visibility=landmarks.visibility[FLIP],
        score=landmarks.score,
        roi=(width - x, y, side, -angle),
        next_roi=(width - next_x, next_y, next_side, -next_angle),
        outputs=tuple(replace(output, mirrored_width=width) for output in landmarks.outputs),
    )


def swap_sides(landmarks: Landmarks, legs_only: bool = False) -> Landmarks:
    """The other body that has the same outline: left and right exchanged, depth reversed.

    Under weak perspective a body and its mirror image in depth, with left and right exchanged,
    project onto the same pixels; this is the mistake that image networks make most, whole or in the
    legs alone.

    Args:
        landmarks: one guess.
        legs_only: exchange knees, ankles, heels and toes only.
    """
    chosen = LEG_LANDMARKS if legs_only else np.arange(len(FLIP))
    xy, world = landmarks.xy.copy(), landmarks.world.copy()
    visibility = landmarks.visibility.copy()
    xy[chosen] = landmarks.xy[FLIP[chosen]]
    world[chosen] = landmarks.world[FLIP[chosen]] * [1.0, 1.0, -1.0]
    visibility[chosen] = landmarks.visibility[FLIP[chosen]]
    outputs = tuple(_swapped(output, chosen) for output in landmarks.outputs)
    return Landmarks(
        xy, world, visibility, landmarks.score, landmarks.roi, landmarks.next_roi,
        landmarks.spread_px, outputs,
    )  # fmt: skip


def _swapped(output: DetectorOutput, chosen: np.ndarray) -> DetectorOutput:
    """A detector output with landmarks exchanged and their depth reversed."""
    order = np.arange(NUM_POINTS)
    order[chosen] = FLIP[chosen]
    points, world = output.points[order], output.world[order]
    points[chosen, 2] *= -1.0
    world[chosen, 2] *= -1.0
    return replace(
        output,
        points=points,
        heat=output.heat[order],
        world=world,
    )
