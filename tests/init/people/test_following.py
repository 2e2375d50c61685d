"""People keep their numbers from photo to photo."""

import numpy as np
import pytest
import torch

from hfb.init.people.finding import PeopleInPhoto, Person
from hfb.init.people.following import follow

RED, BLUE = np.tile([0.8, 0.1, 0.1], 2), np.tile([0.1, 0.1, 0.8], 2)
HEIGHT, WIDTH, TALL = 100, 300, 60


def person(x: float, colours: np.ndarray, area: float = 900.0) -> Person:
    return Person(float(area), (x - 15.0, 20.0, x + 15.0, 20.0 + TALL), colours)


def photo(*people: Person) -> tuple[torch.Tensor, PeopleInPhoto]:
    """People with one column of territory each, in the order that they are given in."""
    territory = np.zeros((HEIGHT, WIDTH), np.uint8)
    for k, one in enumerate(people, 1):
        territory[:, int(one.centre[0])] = k
    return torch.full((3, HEIGHT, WIDTH), len(people) / 10), PeopleInPhoto(people, territory)


def places(photos, number: int) -> list[float | None]:
    people = follow(photos)
    seen = people.seen[number - 1]
    return [seen[k].centre[0] if k in seen else None for k in range(len(photos))]


def test_who_moves_most_is_number_one_whatever_the_order():
    one, other = person(50, RED, 500), person(200, BLUE, 900)
    for pair in ((one, other), (other, one)):
        people = follow([photo(*pair)])
        assert [seen[0].area for seen in people.seen] == [900, 500]
        territory = people.territory(0)
        assert (territory[0, 200], territory[0, 50]) == (1, 2)


def test_the_sum_over_the_photos_counts():
    photos = [photo(person(50, RED, 500), person(200, BLUE, 900))]
    photos += [photo(person(50, RED, 800), person(200, BLUE, 300)) for _ in range(2)]
    assert places(photos, 1) == [50, 50, 50]


def test_people_who_cross_keep_their_numbers():
    left = [person(100 + 20 * k, RED, 950) for k in range(6)]
    right = [person(200 - 20 * k, BLUE) for k in range(6)]
    photos = [photo(*pair) for pair in zip(left, right, strict=True)]
    # The detector finds them in another order every time.
    photos[2:5] = [photo(right[k], left[k]) for k in (2, 3, 4)]
    assert places(photos, 1) == [100 + 20 * k for k in range(6)]
    assert places(photos, 2) == [200 - 20 * k for k in range(6)]


def test_motion_tells_people_in_the_same_clothes_apart():
    left = [person(100 + 25 * k, RED, 950) for k in range(5)]
    right = [person(190 - 25 * k, RED) for k in range(5)]
    photos = [photo(*pair) for pair in zip(left, right, strict=True)]
    assert places(photos, 1) == [100 + 25 * k for k in range(5)]


def test_who_is_hidden_for_a_moment_comes_back_as_the_same():
    stays = [person(50, RED) for _ in range(6)]
    passes = [person(150 + 10 * k, BLUE, 700) for k in range(6)]
    photos = [photo(a, b) for a, b in zip(stays, passes, strict=True)]
    photos[2] = photo(stays[2])
    photos[3] = photo(stays[3])
    assert len(follow(photos)) == 2
    assert places(photos, 2) == [150, 160, None, None, 190, 200]
    assert follow(photos).span(2) == range(6)


def test_somebody_else_in_the_place_is_somebody_else():
    photos = [photo(person(50, RED)) for _ in range(3)] + [photo(person(50, BLUE))] * 3
    people = follow(photos)
    assert len(people) == 2
    assert people.most_at_once == 1
    assert [people.span(1), people.span(2)] == [range(3), range(3, 6)]


def test_what_is_seen_once_or_is_tiny_is_nobody():
    photos = [photo(person(50, RED), person(250, BLUE, 20)) for _ in range(4)]
    photos[1] = photo(person(50, RED), person(150, BLUE))
    people = follow(photos)
    assert len(people) == 1
    assert people.territory(1)[0, 150] == 0


def test_a_single_photo_shows_whoever_it_shows():
    assert len(follow([photo(person(50, RED), person(200, BLUE))])) == 2
    nobody = follow([photo()])
    assert (len(nobody), nobody.most_at_once) == (0, 0)


def test_the_picture_is_a_photo_that_shows_most():
    photos = [photo(person(50, RED)) for _ in range(4)]
    photos[2] = photo(person(50, RED), person(200, BLUE))
    people = follow(photos)
    assert people.shown == 2
    assert float(people.picture.mean()) == pytest.approx(0.2)
    assert people.size == (HEIGHT, WIDTH)
