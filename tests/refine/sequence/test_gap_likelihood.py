"""Which gap leads from the motion inside one photo to that inside the next."""

import numpy as np
import pytest
import scipy.stats
import torch
from photo_sequences import cut, exposures, long_motion

from hfb.motion import PolynomialMotion, evaluate, reverse
from hfb.prior import trajectory_covariance
from hfb.refine.sequence.boundaries import Gap, Sequences, shutter_times
from hfb.refine.sequence.gap_likelihood import (
    ERROR_FACTORS,
    LIVELINESS,
    gaps_of_joints,
    log_likelihood,
)
from hfb.refine.sequence.shutter_gap import FIT_STRETCH, find_gaps
from hfb.structures import BodyParams


def lively_joints(generator, gap, period, count=2, error=0.0):
    """Joints that move as motion capture says on average, at the three moments of each photo."""
    within = (1.0 - gap) * period * torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
    times = (period * torch.arange(count)[:, None] + within).flatten()
    steady = 1e-10 * torch.eye(len(times), dtype=torch.float64)
    factored = torch.linalg.cholesky(trajectory_covariance(times) + steady)
    normal = torch.randn(24, 2, len(times), dtype=torch.float64, generator=generator)
    places = 0.3 * torch.einsum("nm,jcm->njc", factored, normal)
    places = places + error * torch.randn(places.shape, dtype=torch.float64, generator=generator)
    depth = torch.full_like(places[..., :1], 4.0)
    return torch.cat([places, depth], -1).unflatten(0, (count, 3))


def sequence_of(count, period):
    """Frames of which only the openings are known."""
    opening = period * torch.arange(count, dtype=torch.float64)
    exposure = torch.stack([opening, opening + period], 1)
    return Sequences(torch.zeros(count, dtype=torch.long), exposure, False)


def test_likelihoods_are_those_of_a_slow_loop():
    """One joint of two photos: all scales, errors and directions of time written out."""
    generator = torch.Generator().manual_seed(0)
    seen = 0.05 * torch.randn(1, 2, 5, dtype=torch.float64, generator=generator)
    period, grid = torch.tensor(0.3).double(), torch.tensor([0.1, 0.6]).double()
    found = log_likelihood(seen, period, grid)
    for gap, value in zip(grid.tolist(), found.tolist(), strict=True):
        length = (1.0 - gap) * 0.3
        times = [0.0, 0.5 * length, length, 0.3, 0.3 + 0.5 * length, 0.3 + length]
        places = trajectory_covariance(torch.tensor(times, dtype=torch.float64)).numpy()
        differences = np.zeros((5, 6))
        differences[0, :3] = differences[3, 3:] = (-1, 0, 1)
        differences[2, [1, 4]] = (-1, 1)
        differences[1, :3] = differences[4, 3:] = (4, -8, 4)
        steady = np.array([0.006, 0.03, 0.004, 0.006, 0.03])
        relative = np.array([0.1, 0.3, 0.05, 0.1, 0.3])
        total = 0.0
        for liveliness in LIVELINESS:
            for factor, share in ERROR_FACTORS:
                lively = liveliness**2 * differences @ places @ differences.T
                error = steady**2 + relative**2 * np.diag(lively)
                covariance = lively + factor**2 * np.diag(error)
                normal = scipy.stats.multivariate_normal(np.zeros(5), covariance)
                for one, two in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
                    turned = seen[0].numpy() * np.array([one, 1, 1, two, 1])
                    total += share * np.exp(normal.logpdf(turned).sum())
        constant = 5 * np.log(2 * np.pi)  # of two axes, the same for all gaps
        assert value == pytest.approx(np.log(total) + constant, abs=1e-6)


@pytest.mark.parametrize("gap", [0.1, 0.25, 0.5])
@pytest.mark.parametrize("period", [0.2, 0.8])
def test_gaps_are_found_where_limbs_turn_back_as_peoples_do(generator, gap, period):
    """In four fifths of a second parabolas miss the turns: read off them, half is found as .3."""
    found = []
    for _ in range(10):
        joints = lively_joints(generator, gap, period, error=0.004)
        found.append(gaps_of_joints(joints, sequence_of(2, period))[0].share)
    errors = np.array(found) - gap
    assert abs(errors).mean() < 0.04
    assert abs(errors).max() < 0.1


def test_deviations_tell_how_wrong_gaps_are(generator):
    """Where joints hardly move for the fits' errors, and where they do."""
    errors, sigmas = [], []
    for period in (0.02, 0.05, 0.1, 0.3):
        for gap in (0.1, 0.3, 0.5):
            for _ in range(3):
                joints = lively_joints(generator, gap, period, error=0.006)
                [found] = gaps_of_joints(joints, sequence_of(2, period))
                errors.append(found.share - gap)
                sigmas.append(found.sigma)
    errors, sigmas = np.array(errors), np.array(sigmas)
    assert 0.5 < np.sqrt(np.mean((errors / sigmas) ** 2)) < 1.5
    sure = sigmas < np.median(sigmas)
    assert abs(errors[sure]).mean() < 0.5 * abs(errors[~sure]).mean()


def test_a_lost_pair_does_not_outvote_the_others(generator):
    joints = lively_joints(generator, 0.1, 0.12, count=5, error=0.003)
    [right] = gaps_of_joints(joints, sequence_of(5, 0.12))
    middle = joints[-1:, 1:2]
    joints[-1:] = middle + 0.4 * (joints[-1:] - middle)  # as at a gap of two thirds
    [found] = gaps_of_joints(joints, sequence_of(5, 0.12))
    assert found.share == pytest.approx(right.share, abs=0.1)
    assert found.sigma > right.sigma


def test_more_photos_agree_on_a_gap(generator):
    found = {2: [], 6: []}
    for _ in range(10):
        joints = lively_joints(generator, 0.3, 0.12, count=6, error=0.003)
        for count, rows in found.items():
            rows.append(gaps_of_joints(joints[:count], sequence_of(count, 0.12))[0].share)
    assert np.std(found[6]) < 0.6 * np.std(found[2])
    assert np.mean(found[6]) == pytest.approx(0.3, abs=0.03)


def test_neither_mirrors_nor_time_running_backwards_nor_size_in_the_photo_matter(generator):
    joints, sequences = lively_joints(generator, 0.3, 0.3), sequence_of(2, 0.3)
    found = gaps_of_joints(joints, sequences)[0].share
    mirrored = joints * torch.tensor([-1.0, 1.0, 1.0])
    assert gaps_of_joints(mirrored, sequences)[0].share == pytest.approx(found, abs=1e-9)
    backwards = joints.flip(0, 1)
    assert gaps_of_joints(backwards, sequences)[0].share == pytest.approx(found, abs=1e-9)
    photo_backwards = torch.stack([joints[0], joints[1].flip(0)])
    assert gaps_of_joints(photo_backwards, sequences)[0].share == pytest.approx(found, abs=1e-9)


def test_joints_at_rest_leave_all_gaps_likely():
    joints = torch.zeros(2, 3, 24, 3, dtype=torch.float64)
    joints[..., 2] = 4.0
    found = gaps_of_joints(joints, sequence_of(2, 0.1))[0].share
    assert 0.2 < found < 0.6


def read_gaps(motion, sequences, body):
    """From motions that no fit has shortened."""
    pose, transl = evaluate(motion, torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64))
    params = BodyParams(transl.new_zeros(*transl.shape[:2], 10), pose, transl)
    return gaps_of_joints(body.joints(params), sequences)


@pytest.mark.parametrize("truth", [0.0, 0.1, 0.25, 0.5])
def test_an_unknown_gap_is_read_off_the_motions_whichever_way_they_run(generator, body64, truth):
    """Two sequences; photos, and single joints by the noise, run backwards."""
    exposure = exposures(3, truth)
    motions = [cut(long_motion(generator), exposure) for _ in range(2)]
    parts = zip(*((m.coeffs, m.base_rotmat, m.base_transl) for m in motions), strict=True)
    motion = PolynomialMotion(*(torch.cat(part) for part in parts), 0.5, "tangent")
    is_back = torch.tensor([True, False, False, False, True, True])
    coeffs = torch.where(is_back[:, None, None, None], reverse(motion).coeffs, motion.coeffs)
    coeffs[:, 1, 1 + 18] *= -1.0  # an elbow
    unknown = exposure.repeat(2, 1)
    unknown[:, 1] = unknown[:, 0] + 0.1 / (1.0 - truth)
    sequences = Sequences(torch.tensor([0, 0, 0, 1, 1, 1]), unknown, False)
    found = read_gaps(motion.with_coeffs(coeffs), sequences, body64)
    # The mean over what is likely cannot lie on the edge, 0.
    assert [gap.share for gap in found] == pytest.approx([truth, truth], abs=0.04)
    torch.testing.assert_close(shutter_times(unknown[:3], [Gap(truth, 0.1)] * 3), exposure)
    # Each for itself: the other one may be ten times as far away.
    shift = torch.tensor([0.0] * 3 + [40.0] * 3, dtype=torch.float64)
    coeffs[:, 0, 0, 2] += shift
    again = read_gaps(motion.with_coeffs(coeffs), sequences, body64)
    assert again[0].share == pytest.approx(found[0].share, abs=1e-9)
    # Fits come out shorter.
    coeffs[:, 1:] /= FIT_STRETCH
    again = find_gaps(motion.with_coeffs(coeffs), exposure.new_zeros(6, 10), sequences, body64)
    assert again[0].share == pytest.approx(found[0].share, abs=5e-3)


def test_an_unknown_gap_is_not_shortened_by_the_noise_of_slow_motions(body64):
    """Noise lengthens displacements; it must not pass for a shutter less shut."""
    errors = []
    for seed in range(8):
        generator = torch.Generator().manual_seed(seed)
        exposure = exposures(2, 0.5)
        motion = long_motion(generator)
        motion = cut(motion.with_coeffs(0.3 * motion.coeffs), exposure)
        noise = torch.randn(2, 25, 3, dtype=torch.float64, generator=generator)
        coeffs = motion.coeffs.clone()
        coeffs[:, 1] += 0.02 * noise
        sequences = Sequences(torch.zeros(2, dtype=torch.long), exposure, False)
        [found] = read_gaps(motion.with_coeffs(coeffs), sequences, body64)
        errors.append(found.share - 0.5)
    assert sum(errors) / len(errors) > -0.12  # displacements taken as they are: -0.23
