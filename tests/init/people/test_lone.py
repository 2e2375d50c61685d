"""Several people in a photo without a background."""

import numpy as np
import pytest
from red_shirts import SHIRT, SeesShirts, is_red
from wall_scenes import textured_scene

from hfb.errors import InputError, NoPersonError
from hfb.init.detect.decoding import Roi
from hfb.init.people.lone import people_without_background
from hfb.structures import BlurSample

HEIGHT, WIDTH = 120, 200
LARGE, SMALL = (slice(30, 100), slice(60, 85)), (slice(50, 90), slice(140, 150))


class Shirts(SeesShirts):
    """Finds whoever wears red, each at a given place; its masks hold all that is red."""

    def mask(self, image: np.ndarray, roi: Roi) -> np.ndarray:
        away = np.abs(np.arange(image.shape[1])[None] + 0.5 - roi[0]) / roi[2]
        return (is_red(image) * np.clip(1.2 - away, 0.0, 0.95)).astype(np.float32)


@pytest.fixture
def sample() -> BlurSample:
    photo = textured_scene(HEIGHT, WIDTH).clone()
    for place in (LARGE, SMALL):
        photo[(slice(None), *place)] = SHIRT
    return BlurSample("one", photo[None], photo)


TWO = Shirts((145, 70, 45), (72, 65, 80))


def test_the_largest_is_number_one_and_taken_unasked(sample, caplog):
    (own,) = people_without_background(sample, None, "one.png", network=TWO)
    assert own.sample_id == "one"
    assert own.background_is_made_up
    assert float(own.alpha[0][:, LARGE[0], LARGE[1]].min()) > 0.5
    assert float(own.alpha[0][:, SMALL[0], SMALL[1]].max()) == 0.0
    assert "2 people, numbered by how large they are: 1 (left, 64 px tall), 2 (right" in caplog.text


def test_all_have_mattes_of_their_own(sample):
    both = people_without_background(sample, "all", "one.png", network=TWO)
    assert [own.sample_id for own in both] == ["one_person1", "one_person2"]
    first, second = (own.alpha > 0.3 for own in both)
    assert not bool((first & second).any())
    assert bool(second[..., SMALL[0], SMALL[1]].all())


def test_a_number_too_high_says_how_many_there_are(sample):
    with pytest.raises(InputError, match=r"person 3 was asked for .* but 2 people were found"):
        people_without_background(sample, 3, "one.png", network=TWO)
    with pytest.raises(NoPersonError, match=r"no person found in one\.png alone"):
        people_without_background(sample, None, "one.png", network=Shirts())


def test_one_person_is_not_talked_about(sample, caplog):
    one = Shirts((72, 65, 80))
    (own,) = people_without_background(sample, "all", "one.png", network=one)
    assert own.sample_id == "one"
    assert own.chosen is None
    assert "numbered" not in caplog.text
