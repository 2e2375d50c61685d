"""BlazePose: the person detector and the landmark network.

Bazarevsky et al., BlazePose: On-device Real-time Body Pose Tracking, 2020; the published heavy
model (GHUM 3D landmarks). Runs on `ai-edge-litert`; the networks' files come from `hfb.assets`.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from hfb.assets import find_asset
from hfb.errors import AssetCorruptError, HfbError
from hfb.init.detect.decoding import (
    DETECTOR_SIZE,
    HEATMAP_SIZE,
    NUM_ANCHORS,
    Detection,
    Roi,
    decode_detections,
    refine_with_heatmap,
    roi_from_points,
    roi_matrix,
    rotate_world,
    sigmoid,
)
from hfb.init.detect.detector_output import (
    CROP_SIZE,
    NUM_POINTS,
    DetectorOutput,
    heat_widths,
    in_cells,
)
from hfb.init.detect.landmarks import Landmarks


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
    """A `.tflite` file with one input; outputs are told apart by their number of elements.

    Several threads may call it at the same time: each call has an interpreter to itself, and waits
    where all `count` are busy. An interpreter with several threads of its own gains less.
    """

    def __init__(self, path: Path, output_sizes: dict[str, int], count: int) -> None:
        self._path, self._sizes = path, output_sizes
        self._idle: SimpleQueue[_Interpreter] = SimpleQueue()
        self._lock, self._missing = threading.Lock(), count
        self._idle.put(self._load())

    def _load(self) -> _Interpreter:
        self._missing -= 1
        return _Interpreter(self._path, self._sizes)

    def __call__(self, image: Float[np.ndarray, "1 H W 3"]) -> dict[str, np.ndarray]:
        with self._lock:  # more interpreters when they are wanted: each takes 100 MB
            if self._idle.empty() and self._missing:
                self._idle.put(self._load())
        own = self._idle.get()
        try:
            return own(image)
        finally:
            self._idle.put(own)


class _Interpreter:
    """The runtime of a `.tflite` file, for one thread at a time."""

    def __init__(self, path: Path, output_sizes: dict[str, int]) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise HfbError(
                "the initialiser needs the package ai-edge-litert (pip install ai-edge-litert); "
                "without it, start from your own estimate (--data.estimate)"
            ) from error
        with _quiet_stderr():
            try:
                self._net = Interpreter(model_path=str(path), num_threads=1)
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
        num_threads: crops that are read at the same time, see `read`.
    """

    def __init__(
        self,
        detector_path: str | None = None,
        landmark_path: str | None = None,
        num_threads: int = 2,
    ) -> None:
        self._num_threads = num_threads
        self._detector = _Network(
            find_asset("pose_detection.tflite", detector_path),
            {"boxes": NUM_ANCHORS * 12, "scores": NUM_ANCHORS},
            num_threads,
        )
        self._landmarks = _Network(
            find_asset("pose_landmark_heavy.tflite", landmark_path),
            {
                "landmarks": NUM_POINTS * 5,
                "presence": 1,
                "heatmaps": HEATMAP_SIZE**2 * NUM_POINTS,
                "world": NUM_POINTS * 3,
                "mask": CROP_SIZE**2,
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
        matrix = roi_matrix(window, DETECTOR_SIZE)
        crop = _warp(image, matrix, DETECTOR_SIZE, cv2.BORDER_CONSTANT)
        output = self._detector(crop[None].astype(np.float32) / 127.5 - 1.0)
        people = decode_detections(
            output["boxes"].reshape(NUM_ANCHORS, 12), output["scores"].reshape(-1), min_score
        )
        return [
            Detection(
                person.score,
                _transform(matrix, person.hip * DETECTOR_SIZE),
                _transform(matrix, person.top * DETECTOR_SIZE),
            )
            for person in people
        ]

    def read(self, crops: Sequence[tuple[UInt8[np.ndarray, "H W 3"], Roi]]) -> list[Landmarks]:
        """Landmarks of the person in several squares, some at the same time.

        Args:
            crops: images and squares, see `landmarks`.
        """
        if min(self._num_threads, len(crops)) < 2:
            return [self.landmarks(*crop) for crop in crops]
        with ThreadPoolExecutor(self._num_threads) as pool:
            return list(pool.map(lambda crop: self.landmarks(*crop), crops))

    def landmarks(self, image: UInt8[np.ndarray, "H W 3"], roi: Roi) -> Landmarks:
        """Landmarks of the person in a square of the image.

        Args:
            image: sRGB.
            roi: where the person is; what lies outside the image repeats its border.
        """
        matrix = roi_matrix(roi, CROP_SIZE)
        crop = _warp(image, matrix, CROP_SIZE, cv2.BORDER_REPLICATE)
        output = self._landmarks(crop[None].astype(np.float32) / 255.0)
        raw = output["landmarks"].reshape(NUM_POINTS, 5).astype(np.float64)
        heatmaps = output["heatmaps"].reshape(HEATMAP_SIZE, HEATMAP_SIZE, -1)
        refined = refine_with_heatmap(raw[:, :2], heatmaps)
        xy = _transform(matrix, refined)
        world = output["world"].reshape(NUM_POINTS, 3).astype(np.float64)
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
                    mask=in_cells(sigmoid(output["mask"].reshape(CROP_SIZE, CROP_SIZE))),
                ),
            ),
        )

    def mask(self, image: UInt8[np.ndarray, "H W 3"], roi: Roi) -> Float[np.ndarray, "H W"]:
        """Where the person is in a square of the image, as likely as the network takes it to be.

        Args:
            image: sRGB.
            roi: where the person is, as `Landmarks.next_roi`.

        Returns:
            Probability; zero outside the square.
        """
        matrix = roi_matrix(roi, CROP_SIZE)
        crop = _warp(image, matrix, CROP_SIZE, cv2.BORDER_REPLICATE)
        output = self._landmarks(crop[None].astype(np.float32) / 255.0)
        own = sigmoid(output["mask"].reshape(CROP_SIZE, CROP_SIZE)).astype(np.float32)
        height, width = image.shape[:2]
        return cv2.warpAffine(own, matrix, (width, height), flags=cv2.INTER_LINEAR)


def _transform(matrix: Float[np.ndarray, "2 3"], xy: np.ndarray) -> np.ndarray:
    return xy @ matrix[:, :2].T + matrix[:, 2]


def _warp(image: np.ndarray, matrix: np.ndarray, size: int, border: int) -> np.ndarray:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, matrix, (size, size), flags=flags, borderMode=border)
