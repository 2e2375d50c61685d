"""Where a body faces, and which way up it is."""

import math

import pytest
import torch

from hfb.geometry import rotvec_to_rotmat
from hfb.init.lift.turn import facing_share, mirrored_facing, turn_likelihood, up_share

UPRIGHT = torch.diag(torch.tensor([1.0, -1.0, -1.0]))  # faces a camera whose y points down


def turned(angle: float) -> torch.Tensor:
    return rotvec_to_rotmat(torch.tensor([0.0, angle, 0.0])) @ UPRIGHT


def test_bins_count_from_the_camera_on_and_share_what_lies_between():
    assert facing_share(UPRIGHT).tolist() == pytest.approx([1.0] + 7 * [0.0], abs=1e-5)
    torch.testing.assert_close(facing_share(turned(math.pi))[4], torch.tensor(1.0))
    between = facing_share(turned(math.pi / 8))
    assert sorted(between.tolist())[-2:] == pytest.approx([0.5, 0.5])
    assert float(between.sum()) == pytest.approx(1.0)


def test_up_tells_lying_from_standing_on_the_head():
    assert up_share(UPRIGHT).tolist() == [1.0, 0.0, 0.0]
    assert up_share(torch.diag(torch.tensor([-1.0, 1.0, -1.0]))).tolist() == [0.0, 0.0, 1.0]
    lying = rotvec_to_rotmat(torch.tensor([0.0, 0.0, math.pi / 2])) @ UPRIGHT
    torch.testing.assert_close(up_share(lying), torch.tensor([0.0, 1.0, 0.0]), atol=1e-6, rtol=0)


def test_the_likeliest_turn_is_the_one_that_is_expected():
    roots = torch.stack([turned(k * math.pi / 4) for k in range(8)])
    facing = (facing_share(roots[3]) * 4.0).expand(8, -1)
    found = turn_likelihood(roots, facing, torch.tensor([3.0, 0.0, 0.0]).expand(8, -1))
    assert int(found.argmax()) == 3
    mirror = torch.diag(torch.tensor([-1.0, 1.0, 1.0]))
    other = turn_likelihood(mirror @ roots @ mirror, mirrored_facing(facing), torch.zeros(8, 3))
    assert int(other.argmax()) == 3
