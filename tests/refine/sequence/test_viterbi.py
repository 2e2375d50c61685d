"""Directions and hypotheses of consecutive photos: those that agree with their neighbours'."""

from dataclasses import replace

import pytest
import torch
from photo_sequences import cut, exposures, long_motion

from hfb.geometry import default_camera, rotvec_to_rotmat
from hfb.motion import reverse
from hfb.refine.sequence.boundaries import Sequences, boundary_times
from hfb.refine.sequence.viterbi import backward_photos, cheapest_path, select_consistent_hypotheses
from hfb.structures import InitialEstimate


@pytest.mark.parametrize("gap", [0.0, 0.3])
@pytest.mark.parametrize("backwards", [(0, 0, 0, 0), (0, 1, 0, 0), (1, 0, 1, 1), (1, 1, 1, 1)])
def test_reversed_photos_are_found(generator, body64, backwards, gap):
    exposure = exposures(4, gap)
    motion = cut(long_motion(generator), exposure)
    is_back = torch.tensor(backwards, dtype=torch.bool)
    coeffs = torch.where(is_back[:, None, None, None], reverse(motion).coeffs, motion.coeffs)
    coeffs = coeffs + 0.005 * torch.randn(coeffs.shape, dtype=torch.float64, generator=generator)
    sequences = Sequences(torch.zeros(4, dtype=torch.long), exposure)
    betas = exposure.new_zeros(4, 10)
    meeting = boundary_times(sequences, 0.5)
    found = backward_photos(motion.with_coeffs(coeffs), betas, sequences, meeting, body64)
    assert found.tolist() == is_back.tolist()


def test_sequences_of_a_batch_are_chosen_apart_and_lone_photos_left_alone(generator, body64):
    exposure = exposures(3, 0.0)
    motion = cut(long_motion(generator), exposure)
    is_back = torch.tensor([True, False, False])
    coeffs = torch.where(is_back[:, None, None, None], reverse(motion).coeffs, motion.coeffs)
    sequences = Sequences(torch.tensor([0, 0, 1]), exposure)
    betas = exposure.new_zeros(3, 10)
    found = backward_photos(
        motion.with_coeffs(coeffs), betas, sequences, boundary_times(sequences, 0.5), body64
    )
    assert found.tolist() == [True, False, False]
    assert sequences.is_alone.tolist() == [False, False, True]


def test_cheapest_path_is_the_best_of_all_paths(generator):
    unary = torch.rand(4, 3, generator=generator)
    pairwise = torch.rand(3, 3, 3, generator=generator)
    unary[2, 1] = torch.inf
    found, cost = cheapest_path(unary, pairwise)
    grid = torch.cartesian_prod(*[torch.arange(3)] * 4)
    totals = sum(unary[k, grid[:, k]] for k in range(4))
    totals = totals + sum(pairwise[k, grid[:, k], grid[:, k + 1]] for k in range(3))
    assert found.tolist() == grid[int(totals.argmin())].tolist()
    assert cost == pytest.approx(float(totals.min()))


def test_a_pose_with_sides_swapped_is_outvoted_by_its_neighbours(body64):
    pose = torch.zeros(1, 24, 3, dtype=torch.float64)
    pose[:, 1, 0], pose[:, 16, 2] = -0.8, -1.0  # left leg forward, left arm down
    other = pose.clone()
    other[:, 2, 0], other[:, 17, 2] = -0.8, 1.0
    other[:, 1, 0], other[:, 16, 2] = 0.0, 0.0

    def estimate(first: torch.Tensor, second: torch.Tensor) -> InitialEstimate:
        return InitialEstimate(
            betas=torch.zeros(2, 10, dtype=torch.float64),
            pose_rotmat=rotvec_to_rotmat(torch.cat([first, second])),
            transl=torch.zeros(2, 3, dtype=torch.float64),
            camera=default_camera(8, 8),
            score=torch.tensor([1.0, 0.85], dtype=torch.float64),
            body=body64.identity,
            source="test",
        )

    starts = [estimate(pose, other), estimate(other, pose), estimate(pose, other)]
    agreed = select_consistent_hypotheses(starts, exposures(3, 0.3), body64)
    for found in agreed:
        torch.testing.assert_close(found.pose_rotmat[0], rotvec_to_rotmat(pose)[0])
    assert agreed[1].score.tolist() == [0.85, 1.0]
    lifted = [replace(start, unlifted=other) for start, other in zip(agreed, starts, strict=True)]
    for both, plain in zip(
        select_consistent_hypotheses(lifted, exposures(3, 0.3), body64), agreed, strict=True
    ):
        assert both.score.tolist() == plain.score.tolist()
        torch.testing.assert_close(both.unlifted.pose_rotmat, plain.pose_rotmat)


def test_a_detector_that_takes_one_leg_for_the_other_is_outvoted(generator, body64):
    """A stride; in the middle photo the legs are exchanged, and nothing else is offered."""
    pose = 0.1 * torch.randn(1, 24, 3, dtype=torch.float64, generator=generator)
    pose[:, 1, 0], pose[:, 2, 0], pose[:, 5, 0] = -0.6, 0.5, 0.4
    exchanged = pose.clone()
    legs, others = [1, 4, 7, 10, 2, 5, 8, 11], [2, 5, 8, 11, 1, 4, 7, 10]
    exchanged[:, legs] = pose[:, others] * torch.tensor([1.0, -1.0, -1.0])
    sigma = torch.rand(1, 24, dtype=torch.float64, generator=generator)

    def estimate(rotvec: torch.Tensor) -> InitialEstimate:
        return InitialEstimate(
            betas=torch.zeros(1, 10, dtype=torch.float64),
            pose_rotmat=rotvec_to_rotmat(rotvec),
            transl=torch.zeros(1, 3, dtype=torch.float64),
            camera=default_camera(8, 8),
            score=torch.ones(1, dtype=torch.float64),
            body=body64.identity,
            source="test",
            joint_sigma=sigma,
        )

    photos = [estimate(pose), estimate(exchanged), estimate(pose)]
    soon = 0.5 * exposures(3, 0.3)
    agreed = select_consistent_hypotheses(photos, soon, body64)
    for found in agreed:
        torch.testing.assert_close(found.pose_rotmat[0], rotvec_to_rotmat(pose)[0])
    assert [len(found) for found in agreed] == [1, 2, 1]
    torch.testing.assert_close(agreed[1].joint_sigma[0, legs], sigma[0, others])
    # Two photos cannot tell which of them is wrong, and in half a second a step is taken.
    later = 5.0 * soon
    for agreed in (
        select_consistent_hypotheses(photos[:2], soon[:2], body64),
        select_consistent_hypotheses(photos, later, body64),
    ):
        for found, start in zip(agreed, photos, strict=False):
            torch.testing.assert_close(found.pose_rotmat, start.pose_rotmat)
