"""A lifted pose in a registration, and as the start that the initialiser gives."""

import numpy as np
import pytest
import torch
from detector_outputs import CAMERA, POSE, observed, random_output

from hfb.errors import InputError
from hfb.geometry import rotmat_to_rotvec, rotvec_to_rotmat
from hfb.init import BlazePoseInitialiser, Registration, RegistrationSettings, register_landmarks
from hfb.init.detect.landmarks import Landmarks
from hfb.init.lift.checkpoint import save_lifting
from hfb.init.register.gauss_newton import BodyState
from hfb.init.register.lifted_prior import LiftedStart, lifted_term


def state_of(body, generator, count=2):
    rotvec = 0.3 * torch.randn(count, 24, 3, generator=generator, dtype=torch.float64)
    return BodyState(
        rotvec_to_rotmat(rotvec),
        torch.zeros(count, body.num_betas, dtype=torch.float64),
        torch.zeros(count, 3, dtype=torch.float64),
    )


def test_the_pull_to_a_lifted_pose_has_the_right_derivatives(body, generator):
    state = state_of(body, generator)
    lifted = LiftedStart(
        rotmat=state_of(body, generator).rotmat,
        betas=torch.zeros(2, 10),
        angle_sigma=0.1 + torch.rand(2, 24, generator=generator),
        distance_sigma=torch.ones(2, 24),
    )
    found = lifted_term(state, lifted, 0.7, 1e4)
    residual = rotmat_to_rotvec(lifted.rotmat.mT @ state.rotmat).norm(dim=-1) / lifted.angle_sigma
    torch.testing.assert_close(found.cost, 0.35 * residual.square().sum(-1), rtol=1e-5, atol=1e-6)
    step = torch.randn(2, 85, generator=generator, dtype=torch.float64)
    ahead, behind = (
        lifted_term(state.moved(sign * 1e-5 * step), lifted, 0.7, 1e4).cost for sign in (1, -1)
    )
    torch.testing.assert_close(
        (found.gradient * step).sum(-1), (ahead - behind) / 2e-5, rtol=1e-5, atol=1e-6
    )


def test_a_certain_lifted_pose_is_kept_and_an_uncertain_one_gives_way(body, generator):
    rotmat = rotvec_to_rotmat(0.25 * torch.randn(24, 3, generator=generator))
    rotmat[0] = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
    other = rotmat @ rotvec_to_rotmat(0.3 * torch.randn(24, 3, generator=generator))
    xy, world = observed(body, rotmat, torch.tensor([0.1, 0.2, 3.0]))
    inputs = (xy[None], world[None], torch.ones(1, 33), CAMERA, body)
    settings = RegistrationSettings(lifted_weight=1.0, lifted_prior_weight=0.0)

    def registered(sigma):
        lifted = LiftedStart(
            other[None], torch.zeros(1, 10), torch.full((1, 24), sigma), torch.ones(1, 24)
        )
        return register_landmarks(*inputs, settings=settings, lifted=lifted)

    sure, unsure = registered(1e-4), registered(1.0)
    torch.testing.assert_close(sure.pose_rotmat[0], other, atol=2e-3, rtol=0)
    assert unsure.error_px < 2.0
    assert unsure.error_px < 0.3 * sure.error_px


def lifting_initialiser(network, parents, tmp_path, trained_for="free_body"):
    save_lifting(network, tmp_path / "lifting.ckpt", {"body": trained_for, "parents": parents})
    return BlazePoseInitialiser(lifting=True, lifting_path=str(tmp_path / "lifting.ckpt"))


def test_the_initialiser_tells_how_sure_it_is(network, body, tmp_path):
    rotmat = torch.eye(3).expand(24, 3, 3).clone()
    rotmat[0] = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
    xy, world = observed(body, rotmat, torch.tensor([0.0, 0.2, 3.0]))
    found = Landmarks(
        xy.double().numpy(), world.double().numpy(), np.ones(33), 1.0, (200.0, 240.0, 300.0, 0.0),
        (200.0, 240.0, 300.0, 0.0), outputs=(random_output(8),),
    )  # fmt: skip
    lifting = lifting_initialiser(network, list(body.parents), tmp_path)
    estimate = lifting.estimate([found], CAMERA, body)
    assert estimate.joint_sigma is not None
    assert estimate.joint_sigma.shape == (len(estimate), 24)
    assert "lifted" in estimate.source
    plain = BlazePoseInitialiser(lifting=False).estimate([found], CAMERA, body)
    assert plain.joint_sigma is None
    assert plain.unlifted is None
    assert torch.equal(estimate.unlifted.pose_rotmat, plain.pose_rotmat)
    assert not torch.equal(estimate.pose_rotmat[0], plain.pose_rotmat[0])


def test_a_network_for_another_body_is_refused(network, body, tmp_path):
    lifting = lifting_initialiser(network, [-1, 0, 1], tmp_path)
    fitted = Registration(
        torch.zeros(1, 10), POSE, torch.zeros(1, 3), torch.zeros(1), torch.zeros(1)
    )
    with pytest.raises(InputError, match="another joint tree"):
        lifting._lift([], fitted, CAMERA, body)


def test_the_shape_is_given_to_the_body_it_was_trained_for_only(network, body, tmp_path):
    fitted = Registration(
        torch.zeros(1, 10), POSE, torch.zeros(1, 3), torch.zeros(1), torch.zeros(1)
    )
    roi = (200.0, 240.0, 300.0, 0.0)
    blank = np.zeros((33, 3))
    found = Landmarks(blank[:, :2], blank, blank[:, 0], 1.0, roi, roi, outputs=(random_output(3),))
    parents = list(body.parents)
    own = lifting_initialiser(network, parents, tmp_path)._lift([found], fitted, CAMERA, body).start
    other = lifting_initialiser(network, parents, tmp_path, "another body")
    foreign = other._lift([found], fitted, CAMERA, body).start
    assert float(own.betas.abs().max()) > 0.0
    assert bool((foreign.betas == 0.0).all())
    assert torch.equal(own.rotmat, foreign.rotmat)
