"""Which of several lifted guesses is believed."""

import numpy as np
import pytest
import torch

from hfb.body import load_body
from hfb.geometry import rotvec_to_rotmat
from hfb.init import BlazePoseInitialiser
from hfb.init.detect.detector_output import DetectorOutput
from hfb.init.detect.landmarks import Landmarks
from hfb.init.lift.consensus import find_consensus, mean_of, with_first
from hfb.init.lift.lift import Lifted
from hfb.init.register.lifted_prior import LiftedStart
from hfb.init.register.registration import Registration
from hfb.structures import BodyParams, Camera

LEFT_ELBOW = 18


@pytest.fixture(scope="module")
def body():
    return load_body()


def guesses(bends, expected=0.1) -> LiftedStart:
    """Poses that differ in the bend of an elbow, all equally sure unless told."""
    rotvec = torch.zeros(len(bends), 24, 3)
    rotvec[:, LEFT_ELBOW, 1] = torch.tensor(bends)
    sigma = torch.as_tensor(expected).expand(len(bends))[:, None].expand(-1, 24)
    return LiftedStart(rotvec_to_rotmat(rotvec), torch.zeros(len(bends), 10), sigma, sigma)


def joints_of(body, lifted):
    return body.joints(BodyParams(lifted.betas, lifted.rotmat, torch.zeros(len(lifted), 3)))


def agreed(body, lifted, score=None, num_outputs=None, turn=None):
    alike = torch.ones(len(lifted))
    return find_consensus(
        lifted,
        joints_of(body, lifted),
        alike if score is None else score,
        alike if num_outputs is None else num_outputs,
        0.0 * alike if turn is None else turn,
    )


def test_the_guess_near_most_others_is_taken_and_an_outlier_hardly_counts(body):
    lifted = guesses([2.5, 0.0, 0.1, 0.2])
    lifted = with_first(lifted, turned_away(lifted))
    found = agreed(body, lifted)
    assert found.index == 2
    assert float(found.share.sum()) == pytest.approx(1.0)
    assert float(found.share[0]) < 0.02
    assert float(found.share[2]) > 0.25


def turned_away(lifted):
    """The first guess, facing the other way."""
    rotmat = lifted.rotmat[:1].clone()
    rotmat[:, 0] = torch.diag(torch.tensor([-1.0, 1.0, -1.0]))
    return LiftedStart(rotmat, lifted.betas[:1], lifted.angle_sigma[:1], lifted.distance_sigma[:1])


def test_sure_guesses_well_explained_images_and_many_outputs_count_more(body):
    lifted = guesses([0.0, 2.0])
    lifted = with_first(lifted, turned_away(lifted))
    surer = guesses([0.0, 2.0], expected=[0.1, 0.07])
    surer = with_first(surer, turned_away(surer))
    assert agreed(body, surer).index == 1
    for better in ([1.2, 1.0], [1.0, 1.2]):
        found = agreed(body, lifted, score=torch.tensor(better))
        assert found.index == int(np.argmax(better))
    for many in ([18.0, 1.0], [1.0, 18.0]):
        found = agreed(body, lifted, num_outputs=torch.tensor(many))
        assert found.index == int(np.argmax(many))


def test_a_guess_that_faces_where_all_outputs_say_is_taken(body):
    lifted = guesses([0.0, 2.0])
    lifted = with_first(lifted, turned_away(lifted))
    for likelihood in ([-0.5, -2.0], [-2.0, -0.5]):
        found = agreed(body, lifted, turn=torch.tensor(likelihood))
        assert found.index == int(np.argmax(likelihood))


def test_the_mean_lies_between_and_a_single_guess_is_itself(body):
    lifted = guesses([0.0, 0.4], expected=[0.1, 0.3])
    middle = mean_of(lifted, torch.tensor([0.5, 0.5]))
    assert len(middle) == 1
    wanted = rotvec_to_rotmat(torch.tensor([0.0, 0.2, 0.0]))
    torch.testing.assert_close(middle.rotmat[0, LEFT_ELBOW], wanted, atol=1e-5, rtol=0)
    assert middle.angle_sigma[0, 0] == pytest.approx(0.2)
    alone = guesses([0.7])
    found = agreed(body, alone)
    assert found.index == 0
    assert found.share.tolist() == [1.0]
    torch.testing.assert_close(mean_of(alone, found.share).rotmat, alone.rotmat)


def test_the_initialiser_puts_the_agreed_guess_first(body, monkeypatch):
    initialiser = BlazePoseInitialiser(lifting=True)
    lifted = guesses([0.0, 0.0, 0.1])
    lifted = with_first(lifted, turned_away(lifted))
    blank, roi = np.zeros((33, 3)), (0.0, 0.0, 1.0, 0.0)
    output = DetectorOutput(
        np.zeros((39, 5)), np.ones((39, 3)), np.zeros((39, 3)), 1.0, roi, np.zeros((32, 32))
    )
    landmarks = [
        Landmarks(blank[:, :2], blank, blank[:, 0], 1.0, (float(k), 0.0, 1.0, 0.0), roi,
                  outputs=(output,))
        for k in range(3)
    ]  # fmt: skip
    fitted = Registration(
        torch.zeros(3, 10), lifted.rotmat, torch.zeros(3, 3), torch.zeros(3), torch.zeros(3)
    )
    seen = Lifted(lifted, torch.zeros(3))
    monkeypatch.setattr(initialiser, "_lift", lambda *_: seen)
    camera = Camera(torch.tensor([500.0, 500.0]), torch.tensor([200.0, 240.0]), 480, 400)
    ordered, found = initialiser._agree(landmarks, fitted, camera, body)
    assert [guess.roi[0] for guess in ordered] in ([1.0, 0.0, 2.0], [2.0, 0.0, 1.0])
    assert len(found.first) == 1
    torch.testing.assert_close(found.first.rotmat[0, 0], torch.eye(3), atol=0.05, rtol=0)
