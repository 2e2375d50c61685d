"""The motion prior: its frame, its symmetries, its file."""

import math
from dataclasses import replace

import pytest
import torch

from hfb.errors import InputError
from hfb.geometry import MODEL_TO_CAMERA, heading_rotation, rotvec_to_rotmat
from hfb.motion import PolynomialMotion, evaluate, reverse
from hfb.motion.tracks import (
    CHAIN_TRACKS,
    NUM_TRACKS,
    ancestor_matrix,
    chain_matrix,
    mirror_motion,
)
from hfb.prior import (
    CanonicalMotion,
    MotionPrior,
    MotionPriorSettings,
    canonical_motion,
    load_motion_prior,
    save_motion_prior,
)
from hfb.skeleton import SMPL_PARENTS

SMALL = MotionPriorSettings(width=16, num_layers=1, dropout=0.0)


def _rotations(*shape, size=1.0, generator):
    return rotvec_to_rotmat(size * torch.randn(*shape, 3, generator=generator))


def _motion(generator, degree=2, size=0.2, batch=(3,)):
    coeffs = size * torch.randn(*batch, degree + 1, 25, 3, generator=generator)
    return PolynomialMotion(
        coeffs,
        _rotations(*batch, 24, generator=generator),
        torch.randn(*batch, 3, generator=generator),
    )


def _prior(generator, settings=SMALL):
    prior = MotionPrior(settings, 0.1 + torch.rand(settings.num_orders, 25, generator=generator))
    with torch.no_grad():
        for value in prior.parameters():
            value.copy_(0.3 * torch.randn(value.shape, generator=generator))
    prior.kinematics.offsets.copy_(0.2 * torch.randn(24, 3, generator=generator))
    return prior.eval()


def test_the_heading_is_taken_away(generator):
    root = _rotations(5, generator=generator)
    left = (heading_rotation(root) @ root)[:, :, 0]
    torch.testing.assert_close(left[:, 2], torch.zeros(5), atol=1e-6, rtol=0)
    assert (left[:, 0] > 0).all()
    upright = heading_rotation(root)
    torch.testing.assert_close(upright[:, 1], torch.tensor([0.0, 1, 0]).expand(5, 3))


def test_a_canonical_motion_does_not_depend_on_where_the_person_looks(generator):
    motion = _motion(generator)
    canonical = canonical_motion(motion, 2)
    # Turn the world about the camera's vertical and move it.
    turn = MODEL_TO_CAMERA @ rotvec_to_rotmat(torch.tensor([0.0, 1.1, 0.0])) @ MODEL_TO_CAMERA
    base = motion.base_rotmat.clone()
    base[:, 0] = turn @ base[:, 0]
    coeffs = motion.coeffs.clone()
    coeffs[:, :, 0] = coeffs[:, :, 0] @ turn.T
    turned = PolynomialMotion(coeffs, base, motion.base_transl + 3.0)
    other = canonical_motion(turned, 2)
    torch.testing.assert_close(other.coeffs, canonical.coeffs, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(other.mid_rotmat, canonical.mid_rotmat, atol=1e-5, rtol=1e-4)


def test_a_canonical_motion_does_not_depend_on_how_the_camera_is_held(generator):
    motion = _motion(generator)
    canonical = canonical_motion(motion, 2)
    # Tilt and roll the camera: the world turns the other way in its frame.
    turn = rotvec_to_rotmat(torch.tensor([0.6, 0.0, -0.3]))
    base = motion.base_rotmat.clone()
    base[:, 0] = turn @ base[:, 0]
    coeffs = motion.coeffs.clone()
    coeffs[:, :, 0] = coeffs[:, :, 0] @ turn.T
    tilted = PolynomialMotion(coeffs, base, motion.base_transl @ turn.T)
    up = (turn @ torch.tensor([0.0, -1.0, 0.0])).expand(len(base), 3)
    other = canonical_motion(tilted, 2, up=up)
    torch.testing.assert_close(other.coeffs, canonical.coeffs, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(other.mid_rotmat, canonical.mid_rotmat, atol=1e-5, rtol=1e-4)
    unaware = canonical_motion(tilted, 2)
    assert float((unaware.mid_rotmat - canonical.mid_rotmat).abs().max()) > 0.1


def test_sampling_and_reading_off_give_the_same_motion(generator):
    motion = _motion(generator, size=0.1)
    direct = canonical_motion(motion, 2)
    rotmat, _ = evaluate(motion, torch.tensor([0.5]))
    # The same motion about its own middle pose, which the paper's origin of 0 does not change.
    shifted = _about_zero(motion)
    fitted = canonical_motion(shifted, 2)
    torch.testing.assert_close(direct.mid_rotmat[:, 1:], rotmat[:, 0, 1:], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(fitted.coeffs, direct.coeffs, atol=6e-3, rtol=0.05)


def _about_zero(motion):
    """The same polynomials written about t = 0."""
    expansion = torch.tensor([[1.0, -0.5, 0.25], [0.0, 1.0, -1.0], [0.0, 0.0, 1.0]])
    coeffs = (expansion @ motion.coeffs.flatten(-2)).unflatten(-1, (25, 3))
    return PolynomialMotion(coeffs, motion.base_rotmat, motion.base_transl, time_origin=0.0)


def test_a_motion_of_too_high_a_degree_is_refused(generator):
    with pytest.raises(InputError, match="degree 3, the motion prior was trained for at most 2"):
        canonical_motion(_motion(generator, degree=3), 2)


def test_missing_orders_are_zero(generator):
    motion = _motion(generator)
    canonical = canonical_motion(motion, 3)
    assert canonical.coeffs.shape == (3, 3, 25, 3)
    assert (canonical.coeffs[:, 2] == 0).all()


def test_the_direction_score_changes_its_sign_with_time(generator):
    prior, motion = _prior(generator), _motion(generator)
    for discriminate in (prior.direction_score, prior.energy_gap):
        score = discriminate(canonical_motion(motion, 3))
        backward = discriminate(canonical_motion(reverse(motion), 3))
        assert (score.abs() > 1e-4).all()
        torch.testing.assert_close(backward, -score, atol=1e-4, rtol=1e-3)


def test_a_pattern_scores_the_motion_with_its_chains_turned_round(generator):
    prior = _prior(generator)
    canonical = canonical_motion(_motion(generator), 3)
    scores = prior(canonical).pattern_scores
    assert scores.shape == (3, 64)
    for row in (0, 5, 40, 63):
        signs = prior.patterns.signs[row] @ prior.patterns.chains
        coeffs = canonical.coeffs.clone()
        coeffs[:, [0, 2]] *= signs[:, None]
        turned = prior(canonical.with_coeffs(coeffs)).pattern_scores
        torch.testing.assert_close(turned[:, 0], scores[:, row])
    # D's probability of a chain is the share of the patterns that turn it round, each as often
    # expected as the number of its backward chains is, over the choices of them.
    choices = [math.comb(6, wrong) for wrong in range(7)]
    count = (prior.patterns.signs < 0).sum(1).tolist()
    expected = torch.tensor([SMALL.wrong_chains[wrong] / choices[wrong] for wrong in count])
    shares = scores.exp() * expected
    left_leg = shares[:, prior.patterns.signs[:, 0] < 0].sum(1) / shares.sum(1)
    logits = prior.patterns.backward_logits(scores)
    torch.testing.assert_close(torch.sigmoid(logits[:, 2]), left_leg, atol=2e-4, rtol=1e-3)


def test_members_learn_from_the_true_pattern_against_others(generator):
    prior = _prior(generator)
    canonical = canonical_motion(_motion(generator), 3)
    backward = torch.zeros(3, 6)
    backward[:, 2] = 1.0  # the left arm
    signs = prior.patterns.contrast(backward, 5)
    assert signs.shape == (3, 13, 6)
    assert (signs[:, 0] == 1.0 - 2.0 * backward).all()
    assert (signs[:, 1] == -signs[:, 0]).all()
    assert len(signs[0].unique(dim=0)) == 13
    scores = prior.contrast(canonical, backward, 5)
    assert scores.shape == (SMALL.num_members, 3, 13)
    row = int((prior.patterns.signs == signs[0, 0]).all(1).nonzero())
    torch.testing.assert_close(scores[..., 0].mean(0), prior(canonical).pattern_scores[:, row])


def test_the_gap_is_the_difference_of_the_energies_of_eq_10(generator):
    prior = _prior(generator)
    canonical = canonical_motion(_motion(generator), 3)
    logits = prior.discriminate(canonical)
    corrected = prior.correct(canonical, prior.indicate(logits))
    energy = (corrected - canonical.coeffs).abs().flatten(1).sum(1)
    torch.testing.assert_close(prior.energy(canonical), energy)
    expected = prior.energy(canonical.reversed()) - energy
    torch.testing.assert_close(prior.energy_gap(canonical), expected, atol=1e-4, rtol=1e-4)


def test_the_indicator_is_nearly_binary_about_its_doubt(generator):
    prior = _prior(generator, replace(SMALL, correction_threshold=1.0, sharpness=8.0))
    indicator = prior.indicate(torch.tensor([[0.0, 1.0, 2.0]]))
    torch.testing.assert_close(indicator, torch.tensor([[0.0, 0.5, 1.0]]), atol=1e-3, rtol=0)


def test_shares_of_wrong_chains_must_be_seven_and_positive():
    for shares in ((0.5, 0.5), (1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0)):
        with pytest.raises(InputError, match="7 positive shares are needed, for no chain to all"):
            MotionPriorSettings(wrong_chains=shares)


def test_what_is_believed_is_left_alone(generator):
    prior = _prior(generator)
    canonical = canonical_motion(_motion(generator), 3)
    kept = prior.correct(canonical, torch.zeros(3, 3, 25))
    torch.testing.assert_close(kept, canonical.coeffs)


def test_the_energy_has_the_right_gradient(generator):
    prior = _prior(generator).double()
    canonical = canonical_motion(_motion(generator), 3)
    coeffs = canonical.coeffs[:1].double().requires_grad_()
    pose = canonical.mid_rotmat[:1].double().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda c, r: prior.energy(CanonicalMotion(c, r)), (coeffs, pose), atol=1e-5
    )


def test_chains_partition_the_tracks_and_ancestors_follow_the_tree():
    tracks = [track for chain in CHAIN_TRACKS.values() for track in chain]
    assert sorted(tracks) == list(range(NUM_TRACKS))
    assert (chain_matrix().sum(0) == 1).all()
    ancestors = ancestor_matrix()
    wrist, elbow, knee = 21, 19, 5
    assert ancestors[wrist, elbow] == 1
    assert ancestors[elbow, wrist] == 0
    assert ancestors[wrist, knee] == 0
    assert (ancestors[:, :2] == 1).all()
    # Every joint counts itself and all above it, and both tracks of the whole body.
    depth = [0] * 24
    for joint, parent in enumerate(SMPL_PARENTS[1:], 1):
        depth[joint] = depth[parent] + 1
    expected = [2, 2] + [2 + depth[joint] for joint in range(1, 24)]
    assert ancestors.sum(1).tolist() == expected


def test_a_mirrored_motion_puts_joints_where_a_mirror_does(generator):
    body = pytest.importorskip("hfb.body").load_body("free_body")
    from hfb.structures import BodyParams

    motion = _motion(generator, batch=())
    mirrored = PolynomialMotion(
        *mirror_motion(motion.coeffs, motion.base_rotmat, motion.base_transl)
    )
    t = torch.tensor([0.1, 0.8])
    joints = [body.joints(BodyParams(torch.zeros(10), *evaluate(m, t))) for m in (motion, mirrored)]
    order = torch.tensor([0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15])
    order = torch.cat([order, torch.tensor([17, 16, 19, 18, 21, 20, 23, 22])])
    seen = joints[0][:, order] * torch.tensor([-1.0, 1, 1])
    # The body itself is symmetric to a few millimetres.
    torch.testing.assert_close(joints[1], seen, atol=5e-3, rtol=0)
    again = mirror_motion(mirrored.coeffs, mirrored.base_rotmat, mirrored.base_transl)
    torch.testing.assert_close(again[0], motion.coeffs)


def test_a_file_gives_the_prior_back_frozen(tmp_path, generator):
    prior = _prior(generator)
    save_motion_prior(prior, tmp_path / "amp.ckpt", {"body": "free_body"})
    loaded = load_motion_prior(tmp_path)
    canonical = canonical_motion(_motion(generator), 3)
    torch.testing.assert_close(
        loaded.energy(canonical), prior.energy(canonical), rtol=0.02, atol=0.02
    )
    assert not any(value.requires_grad for value in loaded.parameters())
    assert not loaded.training


def test_a_prior_of_another_parameterisation_or_body_is_refused(tmp_path, generator):
    path = tmp_path / "amp.ckpt"
    paper = MotionPriorSettings(parameterization="paper", width=8)
    save_motion_prior(MotionPrior(paper), path, {})
    with pytest.raises(InputError, match="for 'paper' coefficients, but 'tangent' ones"):
        load_motion_prior(path)
    save_motion_prior(_prior(generator), path, {"parents": [-1, 0, 1]})
    with pytest.raises(InputError, match="a body of 3 joints with another tree"):
        load_motion_prior(path)


def test_another_file_is_no_motion_prior(tmp_path):
    path = tmp_path / "amp.ckpt"
    path.write_bytes(b"something else")
    with pytest.raises(InputError, match="cannot be read as a motion prior") as caught:
        load_motion_prior(path)
    assert "\n" not in str(caught.value)
    torch.save({"state_dict": {}}, path)
    with pytest.raises(InputError, match="is not a motion prior: give the"):
        load_motion_prior(path)
