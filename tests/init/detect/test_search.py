"""The search for landmarks: what is read, and in which order results come back."""

import numpy as np
import pytest

from hfb.assets import find_asset
from hfb.errors import AssetNotFoundError
from hfb.init.detect import search
from hfb.init.detect.blazepose import BlazePose
from hfb.init.detect.detector_output import DetectorOutput
from hfb.init.detect.landmarks import Landmarks
from hfb.init.detect.search import search_landmarks

IMAGE = np.zeros((200, 200, 3), np.uint8)


class Counting(BlazePose):
    """A network that sees the same standing person wherever it looks, and counts its looks."""

    def __init__(self) -> None:
        self.rois: list[tuple[bool, tuple[float, ...]]] = []

    def detect(self, image, window, min_score=0.3):
        return []

    def read(self, crops):
        return [self._read(image, roi) for image, roi in crops]

    def _read(self, image, roi):
        self.rois.append((image is IMAGE, tuple(map(float, roi))))
        y = np.linspace(20, 180, 33)
        xy = np.stack([np.full(33, 100.0) + np.arange(33) % 5, y], -1)
        output = DetectorOutput(
            np.zeros((39, 5)), np.ones((39, 3)), np.zeros((39, 3)), 0.9, roi, np.zeros((32, 32))
        )
        return Landmarks(xy, np.zeros((33, 3)), np.ones(33), 0.9, roi, roi, outputs=(output,))


@pytest.fixture
def mask() -> np.ndarray:
    mask = np.zeros((200, 200), bool)
    mask[20:180, 90:110] = True
    return mask


def test_no_region_is_read_twice(mask: np.ndarray) -> None:
    network = Counting()
    found = search_landmarks(network, IMAGE, mask)
    assert len(set(network.rois)) == len(network.rois)
    # Six regions round the mask; nine and their mirror images, of which one has been read.
    assert len(network.rois) == 6 + 9 + 9 - 1
    # All eighteen count in the median.
    combined = next(guess for guess in found if len(guess.outputs) > 1)
    assert len(combined.outputs) == 18


def test_what_has_been_read_keeps_its_presence_in_the_median(mask, monkeypatch) -> None:
    """A guess that has been scored has another score than the network's own."""
    seen: list[Landmarks] = []
    scored = search.MaskScorer.scored

    def watch(self, landmarks):
        seen.append(landmarks)
        return scored(self, landmarks)

    monkeypatch.setattr(search.MaskScorer, "scored", watch)
    search_landmarks(Counting(), IMAGE, mask)
    assert seen[-1].score == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("change", "is_alike"),
    [
        ((1.0, 0.0, 0.0, 0.0), True),
        ((10.0, 0.0, 0.0, 0.0), False),
        ((0.0, 0.0, 2.0, 0.01), True),
        ((0.0, 0.0, 20.0, 0.0), False),
        ((0.0, 0.0, 0.0, 0.2), False),
        ((0.0, 0.0, 0.0, 2 * np.pi), True),
    ],
)
def test_regions_are_alike_if_they_hardly_differ(change: tuple[float, ...], is_alike: bool) -> None:
    one = (100.0, 100.0, 120.0, 0.1)
    other = tuple(a + b for a, b in zip(one, change, strict=True))
    assert search._is_alike(other, one) == is_alike


def test_several_at_a_time_are_what_each_is_alone() -> None:
    try:
        find_asset("pose_landmark_heavy.tflite")
    except AssetNotFoundError as error:
        pytest.skip(f"needs the BlazePose networks: {error}")
    image = (np.random.default_rng(0).random((180, 220, 3)) * 255).astype(np.uint8)
    rois = [(110.0, 90.0, 150.0, 0.2 * k) for k in range(5)]
    together = BlazePose(num_threads=3).read([(image, roi) for roi in rois])
    network = BlazePose(num_threads=1)
    for roi, found in zip(rois, together, strict=True):
        alone = network.landmarks(image, roi)
        assert found.roi == roi
        np.testing.assert_array_equal(found.xy, alone.xy)
        np.testing.assert_array_equal(found.world, alone.world)
