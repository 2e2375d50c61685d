"""Poses between given times."""

import pytest
import torch

from hfb.baselines import PoseTrack
from hfb.errors import InputError, ShapeError
from hfb.geometry import rotvec_to_rotmat


def _track(times):
    angles = torch.tensor([0.0, 1.0, 0.5])[: len(times)]
    rotvec = torch.zeros(len(times), 24, 3)
    rotvec[:, 5, 2] = angles
    transl = torch.stack([angles, 2 * angles, torch.full_like(angles, 4.0)], 1)
    return PoseTrack(torch.tensor(times), rotvec_to_rotmat(rotvec), transl)


def test_given_moments_come_back():
    track = _track([0.0, 0.4, 1.0])
    pose, transl = track.at(track.times)
    assert torch.allclose(pose, track.pose_rotmat, atol=1e-6)
    assert torch.allclose(transl, track.transl)


def test_halfway_is_half_the_turn_and_half_the_way():
    pose, transl = _track([0.0, 0.4, 1.0]).at(torch.tensor([0.2, 0.7]))
    rotvec = torch.zeros(2, 24, 3)
    rotvec[:, 5, 2] = torch.tensor([0.5, 0.75])
    assert torch.allclose(pose, rotvec_to_rotmat(rotvec), atol=1e-6)
    assert torch.allclose(transl, torch.tensor([[0.5, 1.0, 4.0], [0.75, 1.5, 4.0]]), atol=1e-6)


def test_outside_the_body_stands_still():
    track = _track([0.2, 0.4, 0.8])
    pose, transl = track.at(torch.tensor([-1.0, 0.0, 0.9, 5.0]))
    assert torch.allclose(pose, track.pose_rotmat[[0, 0, 2, 2]], atol=1e-6)
    assert torch.allclose(transl, track.transl[[0, 0, 2, 2]])
    pose, transl = _track([0.5]).at(torch.tensor([0.0, 1.0]))
    assert pose.shape == (2, 24, 3, 3)
    assert torch.equal(transl[0], transl[1])


def test_faulty_tracks():
    with pytest.raises(InputError, match="must increase"):
        _track([0.0, 0.5, 0.5])
    with pytest.raises(ShapeError, match="needs poses"):
        PoseTrack(torch.zeros(0), torch.zeros(0, 24, 3, 3), torch.zeros(0, 3))
