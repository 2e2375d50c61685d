"""People of the generator are found with the real networks, and their pixels are their own."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from two_people import SMALL, TwoPeople, two_people

from datamodules.synthetic.scene import make_scene
from hfb.init.detect.blazepose import BlazePose
from hfb.init.people import finding
from hfb.init.people.finding import PeopleInPhoto, find_moving_people
from hfb.init.people.owners import Body


@pytest.fixture(scope="module")
def network() -> BlazePose:
    return BlazePose()


def found_in(network: BlazePose, made: TwoPeople) -> PeopleInPhoto:
    return find_moving_people(network, made.sample.blurry[0], made.sample.background)


def shares(made: TwoPeople, found: PeopleInPhoto) -> np.ndarray:
    """(found, true): share of each person's matte that lies in each territory."""
    mattes = made.alphas[:, 0, 0].numpy()
    territory = cv2.resize(found.territory, mattes.shape[:0:-1], interpolation=cv2.INTER_NEAREST)
    own = [
        [float(matte[territory == k].sum() / matte.sum()) for matte in mattes]
        for k in range(1, len(found.people) + 1)
    ]
    return np.array(sorted(own, reverse=True))


@pytest.mark.parametrize("seeds", [(4, 9), (5, 12)])
def test_two_people_apart_share_nothing(network, seeds):
    made = two_people((-0.2, 0.22), seeds)
    np.testing.assert_allclose(shares(made, found_in(network, made)), np.eye(2), atol=0.02)


def test_two_people_of_whom_one_stands_before_the_other(network):
    made = two_people((-0.06, 0.1), (2, 3))
    found = shares(made, found_in(network, made))
    assert found.shape == (2, 2)
    assert np.diag(found).min() > 0.8
    assert found[[0, 1], [1, 0]].max() < 0.2


@pytest.mark.parametrize("seed", [101, 104, 107])
def test_one_person_is_one(network, seed):
    sample = make_scene(replace(SMALL, width=200), seed).sample
    found = find_moving_people(network, sample.blurry[0], sample.background)
    assert len(found.people) == 1
    assert found.people[0].extent > 60


@pytest.mark.parametrize(
    ("left", "area", "is_person"), [(60, 900, True), (40, 900, False), (40, 1500, True)]
)
def test_a_small_body_at_a_large_one_is_a_part_of_it(left, area, is_person):
    """Ghosts of feet or of a head are read as bodies in long exposures of real people."""

    def body(x: int, width: int, height: int) -> Body:
        drawn = np.zeros((100, 100), bool)
        drawn[:height, x : x + width] = True
        return Body(drawn, float(height), 1.0)

    bodies = [body(5, 40, 100), body(left, 20, 30)]
    assert finding._is_person(1, bodies, [4000, area]) == is_person
    assert finding._is_person(0, bodies, [4000, area])


def test_where_nothing_moves_nobody_is(network):
    scene = torch.rand(3, 60, 80)
    found = find_moving_people(network, scene, scene)
    assert found.people == ()
    assert not found.territory.any()


def test_boxes_are_pixels_of_the_photo_however_large_it_is(network):
    made = two_people((-0.2, 0.22), (4, 9))
    photo, scene = (
        torch.nn.functional.interpolate(image[None], scale_factor=4.0)[0]
        for image in (made.sample.blurry[0], made.sample.background)
    )
    boxes = [p.box for p in found_in(network, made).people]
    large = [p.box for p in find_moving_people(network, photo, scene).people]
    np.testing.assert_allclose(sorted(large), 4 * np.array(sorted(boxes)), atol=24)
