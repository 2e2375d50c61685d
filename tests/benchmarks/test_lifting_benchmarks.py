"""What the benchmarks of lifting count and keep."""

import sys
from pathlib import Path

import numpy as np
import pytest

from hfb.init.detect.detector_output import DetectorOutput
from hfb.init.detect.landmarks import Landmarks


@pytest.fixture
def benchmarks(monkeypatch):
    """The folder of the benchmarks, as where it lies when one of them is run."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    yield
    for name in ("bench_lifting_clip", "landmark_file"):
        sys.modules.pop(name, None)


def standing(shift=0.0):
    """Joints and landmarks of somebody 100 px tall, left joints `shift` px right of theirs."""
    from bench_lifting_clip import PAIRS

    joints, landmarks = np.zeros((24, 2)), np.zeros((33, 2))
    landmarks[0], landmarks[32] = (0.0, 0.0), (0.0, 100.0)
    for k, (ours, theirs) in enumerate(PAIRS.values()):
        for side, x in ((0, 10.0), (1, -10.0)):
            joints[ours[side]] = (x + shift, 20.0 + 10.0 * k)
            landmarks[theirs[side]] = (x, 20.0 + 10.0 * k)
    return joints, landmarks


@pytest.mark.usefixtures("benchmarks")
def test_exchanged_sides_are_counted_where_they_can_be_told():
    from bench_lifting_clip import PAIRS, compare_sides

    joints, landmarks = standing(shift=1.0)
    same = compare_sides(joints, landmarks)
    assert (same.swapped, same.told) == ((), 6)
    assert same.distance == pytest.approx(0.01)
    knees = list(PAIRS["knee"][0])
    joints[knees] = joints[knees[::-1]]
    assert compare_sides(joints, landmarks).swapped == ("knee",)
    landmarks[list(PAIRS["knee"][1])] = (0.0, 30.0)  # seen from the side: nobody can tell
    hidden = compare_sides(joints, landmarks)
    assert (hidden.swapped, hidden.told) == ((), 5)


@pytest.mark.usefixtures("benchmarks")
def test_kept_landmarks_come_back(tmp_path):
    from landmark_file import read_landmarks, write_landmarks

    rng = np.random.default_rng(0)

    def guess(num_readings, spread, with_matte=True):
        outputs = tuple(
            DetectorOutput(
                rng.normal(size=(39, 5)), rng.random((39, 3)), rng.normal(size=(39, 3)), 0.9,
                (1.0, 2.0, 3.0, 0.1 * k), rng.random((32, 32)), mirrored_width=400 * (k % 2),
                matte=rng.random((32, 32)) if with_matte else None,
            )
            for k in range(num_readings)
        )  # fmt: skip
        xy, world, seen = rng.normal(size=(33, 2)), rng.normal(size=(33, 3)), rng.random(33)
        roi = (5.0, 6.0, 7.0, 0.2)
        return Landmarks(xy, world, seen, 1.1, roi, roi, spread_px=spread, outputs=outputs)

    guesses = [guess(3, np.ones(33)), guess(1, None)]
    write_landmarks(guesses, tmp_path / "found.npz")
    again = read_landmarks(tmp_path / "found.npz")
    assert [len(g.outputs) for g in again] == [3, 1]
    for old, new in zip(guesses, again, strict=True):
        np.testing.assert_array_equal(old.xy, new.xy)
        assert (old.score, old.roi) == (new.score, new.roi)
        for before, after in zip(old.outputs, new.outputs, strict=True):
            for name in ("heat", "mask", "matte"):
                np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
            assert before.roi == after.roi
            assert before.mirrored_width == after.mirrored_width
    write_landmarks([guess(1, None, with_matte=False)], tmp_path / "without.npz")
    assert read_landmarks(tmp_path / "without.npz")[0].outputs[0].matte is None
