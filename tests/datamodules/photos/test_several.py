"""Several people in a clip: followed, told apart, each a clip of their own."""

from pathlib import Path

import numpy as np
import pytest
import torch
from videos import save_image, write_clip

from datamodules.captured import CapturedDataModule
from datamodules.photos import several
from datamodules.photos.clip import ClipSettings
from hfb.errors import InputError
from hfb.init.detect.blazepose import BlazePose
from hfb.init.people.finding import PeopleInPhoto, Person

HEIGHT, WIDTH, FRAMES = 32, 96, 20
COLOURS = {"red": (200, 20, 20), "blue": (20, 20, 200)}
SIZE = 12
BLUE_FROM = 6
"""First frame that the second person is in."""


def place(name: str, frame: int) -> int:
    return 2 + 2 * frame if name == "red" else 80 - 2 * frame


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A red square that walks to the right; a smaller blue one comes the other way."""
    frames = np.full((FRAMES, HEIGHT, WIDTH, 3), (0, 100, 100), np.uint8)
    for k in range(FRAMES):
        frames[k, 2:14, place("red", k) : place("red", k) + SIZE] = COLOURS["red"]
        if k >= BLUE_FROM:
            frames[k, 20:28, place("blue", k) : place("blue", k) + SIZE] = COLOURS["blue"]
    save_image(tmp_path / "bg.png", 0, HEIGHT, WIDTH)
    return write_clip(tmp_path / "clip.mkv", frames)


class Unused(BlazePose):
    """The networks, which nobody asks."""

    def __init__(self) -> None:
        pass


def by_colour(_: object, image: torch.Tensor, background: torch.Tensor) -> PeopleInPhoto:
    """In place of the networks: whoever is red or blue."""
    territory = np.zeros(image.shape[1:], np.uint8)
    people = []
    for colour in COLOURS.values():
        own = (image - torch.tensor(colour)[:, None, None] / 255).abs().amax(0) < 0.05
        rows, columns = np.nonzero(own.numpy())
        if len(rows) == 0:
            continue
        territory[own.numpy()] = len(people) + 1
        box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        people.append(
            Person(float(len(rows)), tuple(map(float, box)), np.tile(np.array(colour) / 255, 2))
        )
    return PeopleInPhoto(tuple(people), territory)


@pytest.fixture(autouse=True)
def _sees_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(several, "find_moving_people", by_colour)
    monkeypatch.setattr(several, "people_network", lambda choice: Unused())


def photos_of(clip: Path, person: object = None, **changes: object) -> list:
    data = CapturedDataModule(
        video=str(clip),
        background=str(clip.parent / "bg.png"),
        person=person,
        clip=ClipSettings(**changes),
    )
    return [sample for batch in data.predict_dataloader() for sample in batch]


def shows(sample: object, name: str) -> bool:
    difference = sample.blurry[0] - torch.tensor(COLOURS[name])[:, None, None] / 255
    return bool((difference.abs().amax(0) < 0.05).any())


def test_who_moves_most_is_followed_through_the_clip(clip: Path, caplog) -> None:
    photos = photos_of(clip)
    assert len(photos) == FRAMES
    assert all(shows(photo, "red") and not shows(photo, "blue") for photo in photos)
    assert {photo.sample_id for photo in photos} == {"clip"}
    assert "2 people" in caplog.text
    assert "--data.person all" in caplog.text


def test_another_is_taken_in_the_frames_that_show_them(clip: Path, caplog) -> None:
    photos = photos_of(clip, 2)
    assert len(photos) == FRAMES - BLUE_FROM
    assert all(shows(photo, "blue") and not shows(photo, "red") for photo in photos)
    assert [photo.part.number for photo in photos] == list(range(len(photos)))
    assert photos[0].part.first_frame == BLUE_FROM
    assert {photo.part.total for photo in photos} == {len(photos)}
    assert "person 2 is in its frames 6 to 19 alone" in caplog.text
    assert {photo.sample_id for photo in photos} == {"clip_person2"}


def test_all_are_clips_one_after_the_other(clip: Path) -> None:
    photos = photos_of(clip, "all")
    names = [photo.sample_id for photo in photos]
    assert names == ["clip_person1"] * FRAMES + ["clip_person2"] * (FRAMES - BLUE_FROM)
    assert [photo.chosen.number for photo in photos] == [1 + name.endswith("2") for name in names]
    assert all(not shows(photo, "blue") for photo in photos[:FRAMES])


def test_averaged_frames_are_counted_right(clip: Path) -> None:
    photos = photos_of(clip, 2, average=2)
    assert photos[0].part.first_frame == BLUE_FROM
    assert len(photos) == (FRAMES - BLUE_FROM) // 2


def test_a_part_with_one_person_is_left_alone(clip: Path, caplog) -> None:
    photos = photos_of(clip, part="0:6")
    assert all(photo.chosen is None and photo.others is None for photo in photos)
    assert "people" not in caplog.text
    with pytest.raises(InputError, match=r"person 2 was asked for .*, but 1 person was found"):
        photos_of(clip, 2, part="0:6")


def test_a_region_asks_nobody(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(several, "find_moving_people", None)
    data = CapturedDataModule(
        video=str(clip), background=str(clip.parent / "bg.png"), region=(0, 0, WIDTH, 16)
    )
    photos = [sample for batch in data.predict_dataloader() for sample in batch]
    assert not shows(photos[-1], "blue")
