"""`bench_real.py`: what it measures has closed forms, and a made clip goes through the product."""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from known_problems import known_motion
from videos import write_clip

from hfb.app.pipeline import Pipeline
from hfb.errors import InputError
from hfb.files.images import read_image
from hfb.geometry import default_camera, project
from hfb.init import Initialiser
from hfb.init.detect.landmarks import LIMB_LANDMARKS, Landmarks
from hfb.motion import evaluate
from hfb.refine import Stage
from hfb.render import RenderSettings, hard_silhouettes
from hfb.structures import BodyParams, InitialEstimate

REPO = Path(__file__).parents[2]
HEIGHT = 100.0
ALL = [True] * 12
SWAP = [1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10]


@pytest.fixture
def real(monkeypatch):
    """The program and its parts, imported from where they lie."""
    monkeypatch.syspath_prepend(str(REPO / "benchmarks"))
    import bench_real
    from real_footage import clips, manifest, measures, pictures, runs, table, truth

    yield SimpleNamespace(
        bench=bench_real, clips=clips, manifest=manifest, measures=measures, pictures=pictures,
        runs=runs, table=table, truth=truth,
    )  # fmt: skip
    for name in [n for n in sys.modules if n.split(".")[0] in {"bench_real", "real_footage"}]:
        sys.modules.pop(name)


def standing() -> np.ndarray:
    """Limb landmarks of somebody who faces the camera, 100 px tall."""
    left = np.array([[60, 20], [70, 40], [75, 60], [56, 55], [57, 75], [58, 98]], float)
    both = np.stack([left, left * [-1, 1] + [100, 0]], axis=1)
    return both.reshape(12, 2)


def world_of(xy: np.ndarray) -> np.ndarray:
    return np.concatenate([(xy - [50, 55]) / 60, np.zeros((12, 1))], axis=1)


def moving_truth(real, step: np.ndarray, count: int = 5):
    """A truth in which every landmark moves by `step`, (12, 2) px, from frame to frame."""
    xy = standing() + np.arange(count)[:, None, None] * step
    times = (np.arange(count) + 0.5) / count
    ends = (0.5 / count, 1 - 0.5 / count)
    return real.truth.Truth(times, xy, world_of(standing()), ends, tuple(range(count)))


def test_the_true_motion_has_no_error(real):
    step = np.zeros((12, 2))
    step[4] = (3.0, -4.0)
    truth = moving_truth(real, step)
    found = real.measures.measure(truth.at, world_of(standing()) * 1.1, truth, HEIGHT, ALL)
    assert (found.mid_pct, found.ends_pct) == pytest.approx((0.0, 0.0), abs=1e-9)
    assert (found.right, found.moving) == (1, 1)
    assert found.length_ratio == pytest.approx(1.0)
    assert found.facing_deg == pytest.approx(0.0, abs=1e-4)
    assert found.pa_mpjpe_mm == pytest.approx(0.0, abs=1e-4)


def test_a_reversed_and_a_short_motion(real):
    """The wrist moves by 4 x 5 px: back at half the length it ends 10 + 10/2 px off."""
    step = np.zeros((12, 2))
    step[4] = (3.0, -4.0)
    truth = moving_truth(real, step)

    def back(t):
        return truth.at(0.5) - (truth.at(t) - truth.at(0.5)) / 2

    found = real.measures.measure(back, world_of(standing()), truth, HEIGHT, ALL)
    assert (found.right, found.moving) == (0, 1)
    assert found.length_ratio == pytest.approx(0.5)
    assert found.ends_pct == pytest.approx(15.0 / 12)
    assert found.ends_reversed_pct == pytest.approx(5.0 / 12)
    assert found.mid_pct == pytest.approx(0.0, abs=1e-9)


def test_a_resting_estimate_and_untrusted_landmarks(real):
    """All rise by 8 px, twice 4; a landmark that is off by 60 px counts only where trusted."""
    truth = moving_truth(real, np.tile([0.0, -2.0], (12, 1)))
    off = standing() + np.array([0.0, -4.0])
    off[4] += (60.0, 0.0)
    others = [k != 4 for k in range(12)]
    for trusted, mid, ends in ((ALL, 60 / 12, (44 + np.hypot(60, 4)) / 12), (others, 0.0, 4.0)):
        found = real.measures.measure(lambda t: off, world_of(standing()), truth, HEIGHT, trusted)
        assert found.mid_pct == pytest.approx(mid)
        assert found.ends_pct == pytest.approx(ends)
        assert (found.right, found.moving) == (0, sum(trusted))
        assert found.length_ratio == 0.0


def test_sides_that_the_detector_exchanged_count_for_nobody(real):
    truth = moving_truth(real, np.zeros((12, 2)))
    legs = list(range(12))
    legs[8:] = [9, 8, 11, 10]
    found = real.measures.measure(
        lambda t: truth.at(t)[legs], world_of(standing())[legs], truth, HEIGHT, ALL
    )
    assert found.exchanged == ("legs",)
    assert found.mid_pct == pytest.approx(0.0, abs=1e-9)
    assert found.pa_mpjpe_mm == pytest.approx(0.0, abs=1e-4)


def test_a_body_from_behind_faces_away(real):
    back = world_of(standing())[SWAP]
    assert real.measures.facing(world_of(standing())) == pytest.approx([0, 0, -1])
    assert real.measures.angle_deg(
        real.measures.facing(back), real.measures.facing(world_of(standing()))
    ) == pytest.approx(180.0)


def reading(xy: np.ndarray) -> Landmarks:
    """What the networks say of a sharp frame, with these limb landmarks."""
    every, world = np.zeros((33, 2)), np.zeros((33, 3))
    every[LIMB_LANDMARKS], world[LIMB_LANDMARKS] = xy, world_of(xy)
    roi = (50.0, 50.0, 100.0, 0.0)
    return Landmarks(every, world, np.ones(33), 0.9, roi, roi)


@pytest.mark.parametrize("swapped", [[2], [0, 1], [3, 4]])
def test_swaps_between_frames_are_undone(real, swapped):
    """Legs exchanged in fewer frames than not, the middle one among them or not."""
    legs = [*range(8), 9, 8, 11, 10]
    true = [standing() + np.array([2.0 * k, 0.0]) for k in range(5)]
    said = [xy[legs] if k in swapped else xy for k, xy in enumerate(true)]
    truth = real.truth.truth_of([reading(xy) for xy in said], range(5), range(5), 0.5)
    np.testing.assert_allclose(truth.xy, true)
    np.testing.assert_allclose(truth.world, world_of(true[2]))
    assert truth.ends == (0.1, 0.9)


def test_a_single_frame_is_told_by_its_neighbours(real):
    """Exposed for half of the frame time, it sees half of the way from frame to frame."""
    frames = real.truth.frames_around(range(7, 8), 100)
    assert frames == [6, 7, 8]
    readings = [reading(standing() + np.array([8.0 * k, 0.0])) for k in (-1, 0, 1)]
    truth = real.truth.truth_of(readings, frames, range(7, 8), 0.5)
    assert truth.ends == (0.0, 1.0)
    moved = truth.at(1.0) - truth.at(0.0)
    np.testing.assert_allclose(moved, np.tile([4.0, 0.0], (12, 1)))
    np.testing.assert_allclose(truth.at(0.5), standing())
    assert real.truth.frames_around(range(3), 100) == [0, 1, 2]


def test_a_truth_is_kept_for_its_frames_and_window(real, tmp_path):
    truth, window = moving_truth(real, np.ones((12, 2))), (0.0, 0.0, 100.0, 100.0)
    path = tmp_path / "truth.npz"
    real.truth.write_truth(path, truth, window)
    again = real.truth.read_truth(path, range(5), window)
    np.testing.assert_array_equal(again.xy, truth.xy)
    assert (again.ends, again.frames) == (truth.ends, truth.frames)
    assert real.truth.read_truth(path, range(1, 6), window) is None
    assert real.truth.read_truth(path, range(5), (0.0, 0.0, 90.0, 100.0)) is None


def test_the_shipped_manifest(real):
    cases = real.manifest.read_cases(REPO / "benchmarks" / "real_cases.yaml")
    assert len(cases) >= 20
    assert {len(exposure) for case in cases for exposure in case.exposures} >= {1, 3, 5, 9, 15}
    tags = {tag for case in cases for tag in case.tags}
    assert tags >= {"walk", "run", "jump", "leg swing", "taiji", "hall from behind", "signing"}
    halves = {half: [c for c in cases if c.clip.half == half] for half in ("tune", "report")}
    assert all(len(own) >= 10 for own in halves.values())
    assert any(len(case.exposures) > 1 for case in halves["report"])
    assert not any(Path(case.clip.path).is_absolute() for case in cases)
    side = next(case for case in cases if case.clip.name == "run_side")
    assert side.trusted == [True] * 8 + [False] * 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"window": [5, 5, 5, 9]}, "window .* is empty"),
        ({"clip": "b"}, "KeyError"),
        ({"unreliable": ["toes"]}, "unreliable may name arms, hips, legs, not toes"),
        ({"frames": "9:4"}, "is not understood"),
        ({"colour": 1}, "colour"),
    ],
)
def test_manifests_that_cannot_be_used(real, tmp_path, change, said):
    case = {"clip": "a", "frames": "0:3", "window": [0, 0, 9, 9], **change}
    content = {"clips": {"a": {"path": "a.mkv", "half": "tune"}}, "cases": [case]}
    (tmp_path / "m.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=said):
        real.manifest.read_cases(tmp_path / "m.json")


def outcome(real, name: str, mids: list[tuple[float, float]], right: int = 1):
    def one(mid: float, ends: float):
        return real.measures.Measures(mid, ends, ends, 2, right, 0.5, 10.0, 50.0)

    photos = tuple(real.runs.PhotoOutcome(one(a, 4.0), one(b, 3.0), {"risk": 0.5}) for a, b in mids)
    return real.runs.CaseOutcome(name, photos, 1.0)


def test_means_and_shares(real):
    clips = {half: real.manifest.Clip(half, "a.mkv", half) for half in ("tune", "report")}
    window = (0.0, 0.0, 9.0, 9.0)
    cases = [
        real.manifest.Case("a", clips["tune"], "0:3", window, 9.0),
        real.manifest.Case("b", clips["tune"], "0:3,3:6", window, 9.0),
        real.manifest.Case("c", clips["report"], "0:3", window, 9.0),
    ]
    outcomes = [
        outcome(real, "a", [(4.0, 2.0)]),
        outcome(real, "b", [(2.0, 3.0), (4.0, 6.0)], right=2),
        outcome(real, "c", [(8.0, 9.0)], right=0),
    ]
    judged = real.table.summary(cases, outcomes)
    assert judged["tune"]["mid_start_pct"] == pytest.approx(3.5)
    assert judged["tune"]["good_ratio"] == pytest.approx((0.5 + 1.5) / 2)
    assert judged["all"]["fit_no_worse"] == 1
    assert judged["all"]["good_starts"] == 2
    assert judged["all"]["ends_better_than_rest"] == 3
    assert judged["all"]["directions_single"] == [1, 4]
    assert judged["all"]["directions_several"] == [4, 4]
    text = real.table.table(cases, outcomes)
    assert "| b | 2 × 3 | 3.0 → 4.5 | 4.0 → 3.0 | 4 / 4 | 0.50 | 10 → 10 | 50 → 50 |" in text
    assert len(text.splitlines()) == 2 + 3 + 2
    lines = real.table.summary_lines(judged)
    assert lines[0] == "tune: 2 cases, mid-exposure 3.50 → 3.25 %"


def test_settings_and_choice_of_cases(real):
    config = real.bench.nested(["refine.weights.pose=0.1", "model.refine.num_starts=2"])
    assert config == {"model": {"refine": {"weights": {"pose": 0.1}, "num_starts": 2}}}
    cases = real.manifest.read_cases(REPO / "benchmarks" / "real_cases.yaml")
    options = argparse.Namespace(half="report", only=["hall", "taiji"], limit=2)
    chosen = real.bench.chosen(cases, options)
    assert [case.clip.name for case in chosen] == ["hall", "hall"]


SIDE, COUNT = 96, 5


def made_clip(folder: Path, body) -> np.ndarray:
    """A clip of the known motion before a wall, empty in its last frames; its joints' places."""
    motion, camera = known_motion(), default_camera(SIDE, SIDE)
    times = (torch.arange(COUNT) + 0.5) / COUNT
    pose, transl = evaluate(motion, times)
    posed = body(BodyParams(torch.zeros(1, COUNT, 10), pose, transl))
    person = hard_silhouettes(posed.verts[0], body.faces, camera).numpy()
    rng = np.random.default_rng(0)
    wall = rng.integers(120, 160, (SIDE, SIDE, 3), dtype=np.uint8)
    frames = np.repeat(wall[None], COUNT + 4, axis=0)
    frames[:COUNT][person] = (200, 60, 40)
    write_clip(folder / "made.mkv", frames)
    return posed.joints[0].numpy()


class Given(Initialiser):
    """The true pose at mid-exposure."""

    def __call__(self, image, background, camera, body):
        pose, transl = evaluate(known_motion(), torch.tensor([0.5]))
        camera = default_camera(SIDE, SIDE)
        return InitialEstimate(
            torch.zeros(1, 10), pose[0], transl[0], camera, torch.ones(1), body.identity, "mine"
        )


def test_a_clip_goes_through_the_product(real, tmp_path, body, small_settings):
    """With the truth as its start: no error at mid-exposure, and the moving arm's at the ends."""
    joints, settings = made_clip(tmp_path, body), replace(small_settings, stages=[Stage(5)])
    manifest = tmp_path / "cases.json"
    clip = {"path": "made.mkv", "half": "tune", "plate": COUNT + 1}
    case = {"clip": "made", "frames": f"0:{COUNT}", "window": [10, 2, 86, 94], "height": 90}
    manifest.write_text(json.dumps({"clips": {"made": clip}, "cases": [case]}))
    [case] = real.manifest.read_cases(manifest)
    footage = real.clips.Footage(tmp_path, tmp_path / "kept")
    read: list[int] = []

    def reader(image: np.ndarray, window: object) -> Landmarks:
        points = real.runs._limb_map(body).float() @ torch.from_numpy(joints[len(read)])
        read.append(1)
        every, world = np.zeros((33, 2)), np.zeros((33, 3))
        every[LIMB_LANDMARKS] = project(points, default_camera(SIDE, SIDE)).numpy()
        world[LIMB_LANDMARKS] = points.numpy()
        roi = (48.0, 48.0, 96.0, 0.0)
        return Landmarks(every, world, np.ones(33), 0.9, roi, roi)

    pipeline = Pipeline(Given(), settings, RenderSettings(num_threads=1), body, None)
    found = real.runs.run_case(case, footage, pipeline, reader)
    [photo] = found.photos
    assert photo.start.mid_pct == pytest.approx(0.0, abs=0.02)
    assert photo.start.pa_mpjpe_mm == pytest.approx(0.0, abs=0.5)
    assert photo.start.facing_deg == pytest.approx(0.0, abs=0.1)
    assert photo.start.ends_pct > 1.0
    assert photo.start.length_ratio == 0.0
    assert photo.fit.moving >= 2
    assert photo.start.sharp_iou > 0.8
    assert len(read) == COUNT
    pictures = tmp_path / "pictures"
    real.pictures.write_picture(pictures / "made.png", case, found.views[0], pipeline)
    assert read_image(pictures / "made.png").shape == (
        3,
        real.pictures.SIDE,
        5 * real.pictures.SIDE,
    )

    class Absent(Initialiser):
        def __call__(self, image, background, camera, body):
            raise AssertionError("the start is kept")

    pipeline = Pipeline(Absent(), settings, RenderSettings(num_threads=1), body, None)
    again = real.runs.run_case(case, footage, pipeline, reader)
    assert len(read) == COUNT, "the truth is kept"
    assert again.photos == found.photos
    assert json.dumps(real.table.record(again))
