"""BlazePose's raw outputs as people and landmarks: our own decoding, without the networks.

Positions in the full image are continuous pixels (centre of the first pixel at 0.5). The networks
were trained on crops taken without a half-pixel shift, so we take them likewise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from hfb.init.detect.detector_output import CROP_SIZE

Roi = tuple[float, float, float, float]
"""Square in the full image: centre x, centre y, side (px), rotation (rad, clockwise)."""

DETECTOR_SIZE = 224
"""Side of the detector's input, px."""

NUM_ANCHORS = 2254
HEATMAP_SIZE = 64
"""Side of the heat maps, a quarter of the crop's."""

_HEATMAP_RADIUS = 3  # 7 x 7 window
_ROI_ENLARGEMENT = 1.25


def sigmoid(x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Logistic function, without overflow."""
    return 1.0 / (1.0 + np.exp(-np.clip(x.astype(np.float64), -80.0, 80.0)))


@dataclass(frozen=True)
class Detection:
    """A person found by the detector.

    Attributes:
        score: confidence in [0, 1].
        hip: mid-hip point, px.
        top: point on the circle round the whole body, px; hip to top is the body's up direction.
    """

    score: float
    hip: Float[np.ndarray, " 2"]
    top: Float[np.ndarray, " 2"]


def detector_anchors() -> Float[np.ndarray, "2254 2"]:
    """Centres of the detector's anchor boxes, in [0, 1] of its input.

    Five layers of strides 8, 16, 32, 32, 32 with two anchors a cell.
    """
    centres = []
    for stride, repeats in ((8, 2), (16, 2), (32, 6)):
        count = math.ceil(DETECTOR_SIZE / stride)
        rows, columns = np.mgrid[0:count, 0:count]
        cells = np.stack([(columns + 0.5) / count, (rows + 0.5) / count], -1).reshape(-1, 2)
        centres.append(np.repeat(cells, repeats, axis=0))
    return np.concatenate(centres)


def roi_matrix(roi: Roi, size: int) -> Float[np.ndarray, "2 3"]:
    """Affine map from a crop of `size` x `size` px to the full image.

    Args:
        roi: where the crop lies.
        size: side of the crop, px.
    """
    x, y, side, angle = roi
    cos, sin = math.cos(angle) * side / size, math.sin(angle) * side / size
    linear = np.array([[cos, -sin], [sin, cos]])
    offset = np.array([x, y]) - linear @ np.full(2, size / 2)
    return np.concatenate([linear, offset[:, None]], axis=1)


def roi_from_points(hip: Float[np.ndarray, " 2"], top: Float[np.ndarray, " 2"]) -> Roi:
    """Square round the whole body, turned so that the body stands upright in it.

    Args:
        hip: mid-hip point, px.
        top: point on the circle round the body in the direction of the head, px.
    """
    dx, dy = (float(v) for v in np.asarray(top) - np.asarray(hip))
    side = 2.0 * math.hypot(dx, dy) * _ROI_ENLARGEMENT
    angle = math.atan2(dx, -dy)
    return float(hip[0]), float(hip[1]), side, angle


def decode_detections(
    boxes: Float[np.ndarray, "2254 12"],
    logits: Float[np.ndarray, " 2254"],
    min_score: float,
    min_overlap: float = 0.3,
) -> list[Detection]:
    """The detector's raw output as people, best first, in [0, 1] of its input.

    Boxes that overlap are averaged with their scores as weights (weighted non-maximum suppression).

    Args:
        boxes: centre x, y, width, height, then four key points; relative to the anchor, px.
        logits: raw scores.
        min_score: what is below is dropped.
        min_overlap: intersection over union from which two boxes are the same person.
    """
    scores = sigmoid(logits)
    keep = np.flatnonzero(scores >= min_score)
    keep = keep[np.argsort(-scores[keep], kind="stable")]
    anchors = detector_anchors()[keep]
    values = boxes[keep].astype(np.float64) / DETECTOR_SIZE
    scores = scores[keep]
    centre, half = values[:, :2] + anchors, values[:, 2:4] / 2
    corners = np.concatenate([centre - half, centre + half], axis=1)
    points = values[:, 4:8].reshape(-1, 2, 2) + anchors[:, None]
    found = []
    remaining = np.arange(len(keep))
    while len(remaining):
        overlap = _overlap(corners[remaining[0]], corners[remaining])
        same = remaining[overlap > min_overlap]
        same = same if len(same) else remaining[:1]
        weights = scores[same] / scores[same].sum()
        hip, top = np.einsum("n,npc->pc", weights, points[same])
        found.append(Detection(float(scores[remaining[0]]), hip, top))
        remaining = np.setdiff1d(remaining, same)
    return found


def _overlap(box: Float[np.ndarray, " 4"], others: Float[np.ndarray, "n 4"]) -> np.ndarray:
    """Intersection over union of one box with others; corners x0, y0, x1, y1."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[2:], others[:, 2:])
    common = np.prod(np.clip(high - low, 0.0, None), axis=1)
    area = np.prod(np.clip(box[2:] - box[:2], 0.0, None))
    areas = np.prod(np.clip(others[:, 2:] - others[:, :2], 0.0, None), axis=1)
    return common / (area + areas - common + 1e-12)


def refine_with_heatmap(
    xy: Float[np.ndarray, "L 2"], heatmap_logits: Float[np.ndarray, "64 64 L"]
) -> Float[np.ndarray, "L 2"]:
    """Move each landmark to the centre of mass of its heat map, where that is confident.

    Args:
        xy: landmarks in the 256 px crop.
        heatmap_logits: one map a landmark, a quarter of the crop's resolution.
    """
    refined = xy.copy()
    scale = CROP_SIZE / HEATMAP_SIZE
    for j, (x, y) in enumerate(xy / scale):
        if not (0 <= x < HEATMAP_SIZE and 0 <= y < HEATMAP_SIZE):
            continue
        columns = np.arange(
            max(0, int(x) - _HEATMAP_RADIUS), min(HEATMAP_SIZE, int(x) + _HEATMAP_RADIUS + 1)
        )
        rows = np.arange(
            max(0, int(y) - _HEATMAP_RADIUS), min(HEATMAP_SIZE, int(y) + _HEATMAP_RADIUS + 1)
        )
        weight = sigmoid(heatmap_logits[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1, j])
        if weight.max() < 0.5:
            continue
        total = weight.sum()
        refined[j, 0] = (weight.sum(0) @ columns) / total * scale
        refined[j, 1] = (weight.sum(1) @ rows) / total * scale
    return refined


def rotate_world(world: Float[np.ndarray, "L 3"], angle: float) -> Float[np.ndarray, "L 3"]:
    """World landmarks of a turned crop, brought into the camera's axes.

    Args:
        world: as the network gave them, m.
        angle: rotation of the crop, rad.
    """
    cos, sin = math.cos(angle), math.sin(angle)
    turned = world.copy()
    turned[:, :2] = world[:, :2] @ np.array([[cos, sin], [-sin, cos]])
    return turned
