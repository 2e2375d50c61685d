"""The tool that learns from motion capture how far joints get in a time."""

import importlib.util

import numpy as np
import pytest

from datamodules.mocap.clip import MocapClip
from datamodules.mocap.files import iterate_mocap
from hfb.body import load_body
from hfb.errors import InputError
from hfb.prior.trajectory_gp import TIMES_S, VARIANCES_M2


@pytest.fixture(scope="module")
def tool(repo):
    path = repo / "tools" / "fit_trajectory_gp.py"
    spec = importlib.util.spec_from_file_location("fit_trajectory_gp", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def slide(speed: float, frame_rate: float, frames: int = 1200) -> MocapClip:
    """A body that stands stiff and slides along x."""
    transl = np.zeros((frames, 3), np.float32)
    transl[:, 0] = speed * np.arange(frames) / frame_rate
    poses = np.zeros((frames, 72), np.float32)
    return MocapClip("slide", "s", poses, transl, frame_rate, np.ones(frames, bool))


@pytest.mark.parametrize("frame_rate", [60.0, 120.0])
def test_a_slide_gets_as_far_as_its_speed_says_at_any_frame_rate(tool, frame_rate):
    found = tool.mean_square_displacements([slide(2.0, frame_rate)], load_body())
    # One axis of three moves; a lag is rounded to frames.
    far = tool.LAGS_S > 0.1
    np.testing.assert_allclose(found[far], (2.0 * tool.LAGS_S[far]) ** 2 / 3.0, rtol=0.08)
    np.testing.assert_allclose(found[0], (2.0 * tool.LAGS_S[0]) ** 2 / 3.0, rtol=1e-3)


def test_breaks_are_left_out(tool):
    whole = slide(2.0, 120.0)
    broken = slide(2.0, 120.0, 1400)
    broken.transl[1200:] += 50.0
    broken.valid[1200:] = False
    body = load_body()
    expected = tool.mean_square_displacements([whole], body)
    np.testing.assert_allclose(tool.mean_square_displacements([broken], body), expected, rtol=1e-5)


def test_recordings_that_are_all_too_short_are_said_to_be(tool):
    with pytest.raises(InputError, match=r"no recording has 2\.5 s"):
        tool.mean_square_displacements([slide(2.0, 120.0, 100)], load_body())


def test_the_processes_of_a_known_mixture_are_found(tool):
    known = np.array([0.0002, 0.0, 0.01, 0.02, 0.1, 0.05])
    squares = 2.0 * (1.0 - np.exp(-0.5 * (tool.LAGS_S[:, None] / np.array(TIMES_S)) ** 2)) @ known
    np.testing.assert_allclose(tool.fit_variances(squares), known, atol=2e-4)


def test_the_shipped_variances_say_how_far_captured_people_get(tool, shared_data):
    """Of a twelfth of the recordings, to save time: people differ."""
    clips = [clip for clip in iterate_mocap(shared_data / "mocap") if clip.split == "train"]
    found = tool.mean_square_displacements(clips[::12], load_body())
    shape = 2.0 * (1.0 - np.exp(-0.5 * (tool.LAGS_S[:, None] / np.array(TIMES_S)) ** 2))
    ratio = np.sqrt(shape @ np.array(VARIANCES_M2) / found)
    assert 0.7 < ratio.min() < ratio.max() < 1.4
