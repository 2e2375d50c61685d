"""One of several people alone: what is said, and what becomes of the others."""

import logging

import numpy as np
import pytest
import torch

from hfb.errors import AssetNotFoundError, InputError
from hfb.init.detect.blazepose import BlazePose
from hfb.init.people import taking
from hfb.init.people.finding import PeopleInPhoto, Person
from hfb.init.people.following import follow
from hfb.init.people.taking import in_words, people_samples, wanted
from hfb.structures import BlurSample

HEIGHT, WIDTH = 40, 120
BOXES = ((10, 5, 20, 35), (50, 15, 58, 35), (90, 10, 100, 35))


class Unused(BlazePose):
    """The networks, which nobody asks."""

    def __init__(self) -> None:
        pass


def found(count: int) -> PeopleInPhoto:
    """People from the left to the right, each smaller than the one before."""
    territory = np.zeros((HEIGHT, WIDTH), np.uint8)
    people = []
    for k, box in enumerate(BOXES[:count]):
        left, top, right, bottom = box
        territory[top:bottom, left:right] = k + 1
        edges = (float(left), float(top), float(right), float(bottom))
        people.append(Person(300.0 - 50 * k, edges, np.full(6, k / 4)))
    return PeopleInPhoto(tuple(people), territory)


@pytest.fixture
def sees(monkeypatch: pytest.MonkeyPatch):
    """Says how many people each photo shows."""

    def set_counts(*counts: int) -> None:
        left = iter(counts)
        monkeypatch.setattr(taking, "find_moving_people", lambda *_: found(next(left)))

    return set_counts


def sample_of(photos: int = 1) -> BlurSample:
    torch.manual_seed(0)
    opened = torch.arange(photos) / 10
    return BlurSample(
        "one",
        torch.rand(photos, 3, HEIGHT, WIDTH),
        torch.rand(3, HEIGHT, WIDTH),
        exposure=torch.stack([opened, opened + 0.1], 1),
    )


def samples_of(sample: BlurSample, choice) -> list[BlurSample]:
    return people_samples(sample, choice, "one.png", network=Unused())


def test_one_person_is_left_as_they_are(sees, caplog):
    for count, choice in ((0, None), (1, None), (1, 1), (1, "all"), (0, 1), (0, "all")):
        sees(count)
        sample = sample_of()
        assert samples_of(sample, choice) == [sample]
    assert caplog.text == ""


def test_whoever_moves_most_is_taken_and_it_is_said_how_to_take_others(sees, caplog):
    sees(2)
    (sample,) = samples_of(sample_of(), None)
    assert sample.sample_id == "one"
    assert (sample.chosen.number, sample.chosen.count) == (1, 2)
    assert (
        "one.png: 2 people, numbered by how much of the picture moves with them: "
        "1 (left, 30 px tall), 2 (right, 20 px tall); person 1 is taken "
        "(--data.person 2 takes the next, --data.person all each)"
    ) in caplog.text


def test_the_others_are_painted_over_and_cost_nothing(sees):
    sees(3)
    given = sample_of()
    (sample,) = samples_of(given, 2)
    assert sample.sample_id == "one_person2"
    expected = torch.zeros(1, 1, HEIGHT, WIDTH, dtype=torch.bool)
    for left, top, right, bottom in (BOXES[0], BOXES[2]):
        expected[..., top:bottom, left:right] = True
    torch.testing.assert_close(sample.others, expected.float())
    torch.testing.assert_close(sample.blurry, torch.where(expected, given.background, given.blurry))


def test_all_are_samples_of_their_own(sees, caplog):
    sees(3)
    samples = samples_of(sample_of(), "all")
    assert [sample.sample_id for sample in samples] == [f"one_person{k}" for k in (1, 2, 3)]
    assert [sample.chosen.number for sample in samples] == [1, 2, 3]
    assert "each is fitted" in caplog.text


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (0, r"one\.png: person 4 was asked for \(--data\.person\), but no people were found$"),
        (1, r"but 1 person was found: 1 \(left, 30 px tall\)$"),
        (3, r"but 3 people were found: 1 \(left, .*2 \(middle, .*3 \(right, 25 px tall\)$"),
    ],
)
def test_somebody_who_is_not_there(sees, count, message):
    sees(count)
    with pytest.raises(InputError, match=message):
        samples_of(sample_of(), 4)


def test_the_photos_that_somebody_is_in(sees, caplog):
    sees(2, 2, 2, 1)
    two = samples_of(sample_of(4), 2)[0]
    assert two.blurry.shape[0] == 3
    torch.testing.assert_close(two.exposure[:, 0], torch.arange(3) / 10)
    assert "one: person 2 is in photos 1 to 3 of 4 alone" in caplog.text
    sees(2, 2, 2, 1)
    assert samples_of(sample_of(4), 1)[0].blurry.shape[0] == 4


def test_people_one_after_the_other_are_one_at_a_time():
    """A clip of somebody who leaves and somebody who comes is fitted as it always was."""
    image = torch.zeros(3, HEIGHT, WIDTH)
    both = found(2)
    alone = [PeopleInPhoto((person,), both.territory) for person in both.people]
    people = follow((image, alone[k]) for k in (0, 0, 1, 1))
    assert len(people) == 2
    assert wanted(people, None, "clip") == []
    assert wanted(people, "all", "clip") == [1, 2]


def test_many_people_are_counted_from_the_left(sees):
    territory = np.zeros((HEIGHT, WIDTH), np.uint8)
    crowd = tuple(
        Person(100.0 - k, (10.0 * k, 0.0, 10.0 * k + 5, 20.0), np.zeros(6)) for k in range(8)
    )
    people = follow([(torch.zeros(3, HEIGHT, WIDTH), PeopleInPhoto(crowd, territory))])
    words = in_words(people)
    assert words.startswith("1 (number 1 from the left, 20 px tall), 2 (number 2")
    assert words.endswith(" and 2 more")


def test_without_networks_nobody_is_looked_for_unless_somebody_is_chosen(monkeypatch, caplog):
    def missing():
        raise AssetNotFoundError("no network")

    monkeypatch.setattr(taking, "BlazePose", missing)
    sample = sample_of()
    with caplog.at_level(logging.INFO, "hfb"):
        assert people_samples(sample, None, "one.png") == [sample]
    assert "several people are not looked for: no network" in caplog.text
    with pytest.raises(AssetNotFoundError):
        people_samples(sample, "all", "one.png")
