"""BlazePose: person detector and landmark network, with our own decoding.

Bazarevsky et al., BlazePose: On-device Real-time Body Pose Tracking, 2020; the published heavy
model (GHUM 3D landmarks). Runs on `ai-edge-litert`; the networks' files come from `hfb.assets`.

Positions in the full image are continuous pixels (centre of the first pixel at 0.5). The networks
were trained on crops taken without a half-pixel shift, so we take them the same way.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from hfb.assets import find_asset
from hfb.errors import AssetCorruptError, HfbError
from hfb.init.detect.detector_output import CROP_SIZE, NUM_POINTS, DetectorOutput, heat_widths
from hfb.init.detect.landmarks import Landmarks

Roi = tuple[float, float, float, float]
"""Square in the full image: centre x, centre y, side (px), rotation (rad, clockwise)."""

_DETECTOR_SIZE = 224
_LANDMARK_SIZE = CROP_SIZE
_NUM_ANCHORS = 2254
_NUM_OUTPUT_LANDMARKS = NUM_POINTS
_HEATMAP_SIZE = 64
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
        count = math.ceil(_DETECTOR_SIZE / stride)
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
    values = boxes[keep].astype(np.float64) / _DETECTOR_SIZE
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
    scale = _LANDMARK_SIZE / _HEATMAP_SIZE
    for j, (x, y) in enumerate(xy / scale):
        if not (0 <= x < _HEATMAP_SIZE and 0 <= y < _HEATMAP_SIZE):
            continue
        columns = np.arange(max(0, int(x) - _HEATMAP_RADIUS), min(64, int(x) + _HEATMAP_RADIUS + 1))
        rows = np.arange(max(0, int(y) - _HEATMAP_RADIUS), min(64, int(y) + _HEATMAP_RADIUS + 1))
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


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Keep the interpreter's start-up lines, which it writes past Python, off the terminal."""
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with open(os.devnull, "wb") as sink:
            os.dup2(sink.fileno(), 2)
            yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


class _Network:
    """A `.tflite` file with one input; outputs are told apart by their number of elements."""

    def __init__(self, path: Path, output_sizes: dict[str, int], num_threads: int) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise HfbError(
                "the initialiser needs the package ai-edge-litert (pip install ai-edge-litert); "
                "without it, start from your own estimate (--data.estimate)"
            ) from error
        with _quiet_stderr():
            try:
                self._net = Interpreter(model_path=str(path), num_threads=num_threads)
                self._net.allocate_tensors()
            except (ValueError, RuntimeError) as error:
                raise AssetCorruptError(f"{path} is not a usable tflite file: {error}") from error
        self._input = self._net.get_input_details()[0]["index"]
        details = self._net.get_output_details()
        sizes = {int(np.prod(d["shape"])): d["index"] for d in details}
        missing = [name for name, size in output_sizes.items() if size not in sizes]
        if missing:
            raise AssetCorruptError(f"{path} is not the expected network: no output {missing}")
        self._outputs = {name: sizes[size] for name, size in output_sizes.items()}

    def __call__(self, image: Float[np.ndarray, "1 H W 3"]) -> dict[str, np.ndarray]:
        self._net.set_tensor(self._input, np.ascontiguousarray(image, dtype=np.float32))
        self._net.invoke()
        return {name: self._net.get_tensor(index) for name, index in self._outputs.items()}


class BlazePose:
    """The two networks, on 8-bit RGB images.

    Args:
        detector_path: detector file; found or fetched by `hfb.assets` if not given.
        landmark_path: landmark file; the same.
        num_threads: CPU threads of the networks.
    """

    def __init__(
        self,
        detector_path: str | None = None,
        landmark_path: str | None = None,
        num_threads: int = 2,
    ) -> None:
        self._detector = _Network(
            find_asset("pose_detection.tflite", detector_path),
            {"boxes": _NUM_ANCHORS * 12, "scores": _NUM_ANCHORS},
            num_threads,
        )
        self._landmarks = _Network(
            find_asset("pose_landmark_heavy.tflite", landmark_path),
            {
                "landmarks": _NUM_OUTPUT_LANDMARKS * 5,
                "presence": 1,
                "heatmaps": _HEATMAP_SIZE**2 * _NUM_OUTPUT_LANDMARKS,
                "world": _NUM_OUTPUT_LANDMARKS * 3,
            },
            num_threads,
        )

    def detect(
        self, image: UInt8[np.ndarray, "H W 3"], window: Roi, min_score: float = 0.3
    ) -> list[Detection]:
        """People in an upright square window of the image, best first.

        Args:
            image: sRGB.
            window: where to look; what lies outside the image is black there.
            min_score: detector scores below are dropped.
        """
        matrix = roi_matrix(window, _DETECTOR_SIZE)
        crop = _warp(image, matrix, _DETECTOR_SIZE, cv2.BORDER_CONSTANT)
        output = self._detector(crop[None].astype(np.float32) / 127.5 - 1.0)
        people = decode_detections(
            output["boxes"].reshape(_NUM_ANCHORS, 12), output["scores"].reshape(-1), min_score
        )
        return [
            Detection(
                person.score,
                _transform(matrix, person.hip * _DETECTOR_SIZE),
                _transform(matrix, person.top * _DETECTOR_SIZE),
            )
            for person in people
        ]

    def landmarks(self, image: UInt8[np.ndarray, "H W 3"], roi: Roi) -> Landmarks:
        """Landmarks of the person in a square of the image.

        Args:
            image: sRGB.
            roi: where the person is; what lies outside the image repeats its border.
        """
        matrix = roi_matrix(roi, _LANDMARK_SIZE)
        crop = _warp(image, matrix, _LANDMARK_SIZE, cv2.BORDER_REPLICATE)
        output = self._landmarks(crop[None].astype(np.float32) / 255.0)
        raw = output["landmarks"].reshape(_NUM_OUTPUT_LANDMARKS, 5).astype(np.float64)
        heatmaps = output["heatmaps"].reshape(_HEATMAP_SIZE, _HEATMAP_SIZE, -1)
        refined = refine_with_heatmap(raw[:, :2], heatmaps)
        xy = _transform(matrix, refined)
        world = output["world"].reshape(_NUM_OUTPUT_LANDMARKS, 3).astype(np.float64)
        return Landmarks(
            xy=xy[:33],
            world=rotate_world(world[:33], roi[3]),
            visibility=sigmoid(raw[:33, 3]),
            score=float(output["presence"].reshape(-1)[0]),
            roi=roi,
            next_roi=roi_from_points(xy[33], xy[34]),
            outputs=(
                DetectorOutput(
                    points=np.concatenate([refined, raw[:, 2:]], axis=1),
                    heat=heat_widths(heatmaps).astype(np.float64),
                    world=world,
                    presence=float(output["presence"].reshape(-1)[0]),
                    roi=roi,
                ),
            ),
        )


def _transform(matrix: Float[np.ndarray, "2 3"], xy: np.ndarray) -> np.ndarray:
    return xy @ matrix[:, :2].T + matrix[:, 2]


def _warp(image: np.ndarray, matrix: np.ndarray, size: int, border: int) -> np.ndarray:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, matrix, (size, size), flags=flags, borderMode=border)
