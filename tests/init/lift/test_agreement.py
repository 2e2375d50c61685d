"""Which starts are tried, and in which order."""

import numpy as np
import pytest
import torch
from detector_outputs import random_output

from hfb.body import load_body
from hfb.init.detect.landmarks import Landmarks
from hfb.init.lift.agreement import agree
from hfb.init.lift.lift import Lifted
from hfb.init.register.lifted_prior import LiftedStart

ROI = (0.0, 0.0, 1.0, 0.0)
BLANK = np.zeros((33, 3))


@pytest.fixture(scope="module")
def body():
    return load_body()


def lifted(turns):
    """Poses that differ in where they face, rad, all equally sure."""
    angle = torch.tensor(turns)
    rotmat = torch.eye(3).expand(len(turns), 24, 3, 3).clone()
    rotmat[:, 0, 0, 0] = rotmat[:, 0, 2, 2] = angle.cos()
    rotmat[:, 0, 0, 2], rotmat[:, 0, 2, 0] = angle.sin(), -angle.sin()
    sigma = torch.full((len(turns), 24), 0.1)
    start = LiftedStart(rotmat, torch.zeros(len(turns), 10), sigma, sigma)
    return Lifted(start, torch.zeros(len(turns)))


def guesses(scores):
    seen = (random_output(1),)
    return [
        Landmarks(BLANK[:, :2], BLANK, BLANK[:, 0], score, ROI, ROI, outputs=seen)
        for score in scores
    ]


def test_groups_far_apart_are_tried_in_the_order_of_belief(body):
    turns, scores = [0.0, 3.1, 0.05, 1.5, 0.1], [1.0, 0.93, 1.0, 0.98, 1.0]
    found = agree(lifted(turns), guesses(scores), body)
    assert sorted(found.order) == [0, 1, 2, 3, 4]
    assert turns[found.order[0]] < 0.2
    assert found.order[1:3] == (3, 1)
    assert found.belief.tolist() == sorted(found.belief.tolist(), reverse=True)
    assert float(found.belief.sum()) == pytest.approx(1.0)
    assert abs(float(found.first.rotmat[0, 0, 0, 2])) < 0.15


def test_where_all_agree_or_others_are_unlikely_one_start_is_tried(body):
    for turns, scores in (([0.0, 0.1, 0.02], [1.0, 1.0, 1.0]), ([0.0, 3.1], [1.0, 0.7]),
                          ([0.4], [1.0])):  # fmt: skip
        found = agree(lifted(turns), guesses(scores), body)
        assert len(found.belief) == 1
        assert found.order[0] != 1


def test_a_belief_is_a_probability_whatever_rounding_makes_of_its_sum(body):
    """Sums of shares came out above 1, and a file with such a start was refused when read again."""
    for count in range(2, 40):
        near = (0.001 * torch.arange(count)).tolist()
        scores = (1.0 - 0.001 * torch.arange(count)).tolist()
        found = agree(lifted(near), guesses(scores), body)
        assert 0.99 < float(found.belief[0]) <= 1.0
