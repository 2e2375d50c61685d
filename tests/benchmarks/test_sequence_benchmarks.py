"""What `bench_sequences.py` reads off a run: jumps between photos, and gaps against the data."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from datamodules.blur_folder import write_sample
from hfb.body import load_body
from hfb.export import write_motion
from hfb.geometry import default_camera
from hfb.motion import static_motion
from hfb.refine.result import Refinement
from hfb.refine.sequence.boundaries import Gap
from hfb.report.motion_record import motion_record
from hfb.structures import BlurSample, Target


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
        displacement = 0.1 * (1.0 + speed * k)
        coeffs[1, 0, 0] = displacement
        coeffs[0, 0, 0] = 0.05 + k * (0.05 + displacement / 2 + step)
        refinements.append(
            Refinement(
                "s",
                still.with_coeffs(coeffs),
                torch.zeros(10),
                torch.zeros(3, 4, 4),
                default_camera(8, 8),
                4,
                "linear",
            )
        )
    exposure = torch.tensor([[0.0, 0.1], [0.1, 0.2]])
    write_motion(tmp_path / "motion.npz", motion_record(refinements, exposure, 10.0, body))
    found = bench.meetings(tmp_path / "motion.npz", body, 0.5)
    torch.testing.assert_close(found.jump, torch.full((1, 24), 1000 * step), atol=1e-2, rtol=0)
    expected = speed / (1.0 + speed / 2)
    assert found.change.tolist() == pytest.approx([expected], abs=1e-3)


def test_a_found_gap_is_compared_with_the_datas(bench, tmp_path):
    """Joints that slide at one speed: the true motion tells the gap as it is."""
    generator = torch.Generator().manual_seed(3)
    exposure = torch.tensor([[0.0, 0.06], [0.1, 0.16]])
    times = exposure[:, :1] + 0.06 * torch.linspace(0, 1, 5)
    place = torch.randn(24, 3, generator=generator) * 0.3 + torch.tensor([0.0, 0.0, 4.0])
    speed = torch.randn(24, 3, generator=generator) * torch.tensor([3.0, 3.0, 0.0])
    joints = place + speed * times[..., None, None]
    photos = torch.rand(2, 3, 8, 8, generator=generator)
    sample = BlurSample(
        "s",
        photos,
        torch.zeros(3, 8, 8),
        camera=default_camera(8, 8),
        exposure=exposure,
        target=Target(joints, times),
    )
    write_sample(tmp_path / "s", sample, None)
    gap = bench.gap_of(tmp_path / "s", Gap(0.25, 0.05))
    assert gap.true == pytest.approx(0.4, abs=1e-6)
    assert gap.by_truth.share == pytest.approx(0.4, abs=0.02)
    other = replace(gap, found=Gap(0.45, 0.2))
    lines = bench.gap_lines([gap, other])
    assert lines[0].startswith("s: gap 0.40, found 0.25 ± 0.05, with the true motion 0.")
    assert lines[2:6] == [
        "found: within 0.1 of the frame time in 1 of 2",
        "  error: median 0.05, largest 0.15, mean 0.100",
        "  of those with a deviation up to 0.1: 0 of 1",
        "  error, root mean square, deviations: 2.13",
    ]
    assert lines[6] == "with true motions: within 0.1 of the frame time in 2 of 2"


def test_joints_are_pooled_over_samples(bench):
    metrics = [
        {"moving_joints": 3, "joint_direction_accuracy": 1.0},
        {"moving_joints": 1, "joint_direction_accuracy": 0.0},
        {"moving_joints": 0, "joint_direction_accuracy": None},
    ]
    assert bench.right_joints(metrics) == "75.0 % of 4"
