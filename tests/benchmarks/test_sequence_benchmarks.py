"""What `bench_sequences.py` reads off a run: jumps between photos, and gaps against the data."""

import json
import sys
from pathlib import Path

import pytest
import torch

from hfb.body import load_body
from hfb.export import write_motion
from hfb.geometry import default_camera
from hfb.motion import static_motion
from hfb.refine.results import Refinement
from hfb.refine.sequence_output import sequence_record


@pytest.fixture
def bench(monkeypatch):
    """The program, imported from where it lies."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    import bench_sequences

    yield bench_sequences
    sys.modules.pop("bench_sequences", None)


@pytest.mark.parametrize(("step", "speed"), [(0.0, 0.0), (0.01, 0.5)])
def test_jumps_are_those_that_the_motions_make(bench, tmp_path, step, speed):
    """A body slides by 0.1 m an exposure; after the second photo's opening by `speed` more."""
    body = load_body()
    still = static_motion(torch.eye(3).expand(24, 3, 3), torch.tensor([0.0, 0.0, 4.0]), 2)
    refinements = []
    for k in range(2):
        coeffs = still.coeffs.clone()
        way = 0.1 * (1.0 + speed * k)
        coeffs[1, 0, 0] = way
        coeffs[0, 0, 0] = 0.05 + k * (0.05 + way / 2 + step)
        refinements.append(
            Refinement(
                "s",
                still.with_coeffs(coeffs),
                torch.zeros(10),
                torch.zeros(3, 4, 4),
                default_camera(8, 8),
                4,
                "linear",
                0.0,
            )
        )
    exposure = torch.tensor([[0.0, 0.1], [0.1, 0.2]])
    write_motion(tmp_path / "motion.npz", sequence_record(refinements, exposure, 10.0, body))
    found = bench.meetings(tmp_path / "motion.npz", body, 0.5)
    torch.testing.assert_close(found.jump, torch.full((1, 24), 1000 * step), atol=1e-2, rtol=0)
    expected = speed / (1.0 + speed / 2)
    assert found.change.tolist() == pytest.approx([expected], abs=1e-3)


def test_a_found_gap_is_compared_with_the_datas(bench, tmp_path):
    (tmp_path / "s").mkdir()
    sample = {"exposure": [[0.0, 0.06], [0.1, 0.16]]}
    (tmp_path / "s" / "sample.json").write_text(json.dumps(sample))
    line, error = bench.gap_line("s", tmp_path, 0.25)
    assert line == "s: gap 0.40, found 0.25"
    assert error == pytest.approx(0.15)


def test_joints_are_pooled_over_samples(bench):
    figures = [
        {"moving_joints": 3, "joint_direction_accuracy": 1.0},
        {"moving_joints": 1, "joint_direction_accuracy": 0.0},
        {"moving_joints": 0, "joint_direction_accuracy": None},
    ]
    assert bench.right_joints(figures) == "75.0 % of 4"
