"""Who is who, drawn."""

import numpy as np
import pytest
import torch

from hfb.init.people.finding import PeopleInPhoto, Person
from hfb.init.people.following import follow
from hfb.init.people.picture import numbered_picture

BLUE = torch.tensor([0, 114, 178]) / 255
ORANGE = torch.tensor([213, 94, 0]) / 255
BOXES = ((100, 150, 200, 400), (400, 10, 500, 300))


@pytest.fixture
def people():
    territory = np.zeros((480, 640), np.uint8)
    found = []
    for k, (left, top, right, bottom) in enumerate(BOXES, 1):
        territory[top:bottom, left:right] = k
        edges = (float(left), float(top), float(right), float(bottom))
        found.append(Person(1000.0 - k, edges, np.zeros(6)))
    return follow([(torch.full((3, 480, 640), 0.5), PeopleInPhoto(tuple(found), territory))])


def covered(picture: torch.Tensor, colour: torch.Tensor) -> torch.Tensor:
    return (picture - colour[:, None, None]).abs().amax(0) < 0.02


def test_outlines_run_along_the_people(people):
    picture = numbered_picture(people, 1)
    assert picture.shape == (3, 480, 640)
    blue = covered(picture, BLUE)
    assert bool(blue[300, 98:103].any())
    assert bool(blue[300, 197:202].any())
    assert not bool(blue[300, 110:190].any())
    assert bool(covered(picture, ORANGE)[200, 398:403].any())


def test_who_is_taken_has_the_full_plate(people):
    first, second = (numbered_picture(people, number) for number in (1, 2))
    area = [int(covered(picture, BLUE)[:150].sum()) for picture in (first, second)]
    assert area[0] > 2 * area[1]


def test_a_plate_stays_inside_the_picture(people):
    orange = covered(numbered_picture(people, 2), ORANGE)
    rows = torch.nonzero(orange.any(1))
    assert int(rows.min()) >= 0
    assert bool(orange[8:20, 440:460].any()), "below the upper edge, although the head is there"


def test_large_photos_are_reduced(people):
    large = follow([(torch.zeros(3, 1200, 2400), PeopleInPhoto((), np.zeros((6, 12), np.uint8)))])
    assert numbered_picture(large, 1).shape == (3, 480, 960)
