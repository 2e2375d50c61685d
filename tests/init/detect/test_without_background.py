"""A photo alone: matte and scene out of a network's mask."""

import logging

import numpy as np
import pytest
import torch
from red_shirts import SHIRT, SeesShirts, is_red
from wall_scenes import textured_scene

from hfb.errors import NoPersonError
from hfb.init.detect import without_background as module
from hfb.init.detect.decoding import Roi
from hfb.init.detect.without_background import lone_photo, without_background
from hfb.structures import BlurSample

HEIGHT, WIDTH = 120, 160
SCENE = textured_scene(HEIGHT, WIDTH)
ROWS, COLUMNS = slice(30, 100), slice(60, 85)


def photo_of(columns: slice = COLUMNS) -> torch.Tensor:
    photo = SCENE.clone()
    photo[:, ROWS, columns] = SHIRT
    return photo


class Shirts(SeesShirts):
    """Finds whoever wears red, each at a given place."""

    def mask(self, image: np.ndarray, roi: Roi) -> np.ndarray:
        columns = np.arange(image.shape[1])[None]
        near = np.abs(columns + 0.5 - roi[0]) < roi[2] / 2
        return (is_red(image) & near).astype(np.float32)


def test_the_person_is_a_hole_that_is_filled_from_around() -> None:
    lone = lone_photo(photo_of(), "photo.png", network=Shirts((72, 65, 60)))
    covered = torch.zeros(1, HEIGHT, WIDTH, dtype=torch.bool)
    covered[:, ROWS, COLUMNS] = True
    torch.testing.assert_close(lone.alpha, covered.float())
    hole = lone.known < 1
    assert bool(hole[covered].all())
    assert 1.1 < float(hole.sum() / covered.sum()) < 1.6
    photo = photo_of()
    torch.testing.assert_close(lone.scene[:, ~hole[0]], photo[:, ~hole[0]])
    # No red is left, and the middle has about the light of what is around.
    filled = lone.scene[:, ROWS, COLUMNS]
    assert float((filled[0] - filled[1]).max()) < 0.3
    assert float((filled - SCENE[:, ROWS, COLUMNS]).abs().mean()) < 0.08


def test_the_largest_person_is_taken_or_the_one_in_the_region() -> None:
    photo = photo_of()
    photo[:, 60:100, 120:130] = SHIRT
    network = Shirts((72, 65, 60), (125, 80, 30))
    anywhere = lone_photo(photo, "photo.png", network=network)
    assert bool(anywhere.alpha[..., COLUMNS].any())
    assert not bool(anywhere.alpha[..., 120:130].any())
    right = lone_photo(photo, "photo.png", region=(100, 0, WIDTH, HEIGHT), network=network)
    assert not bool(right.alpha[..., COLUMNS].any())
    assert bool(right.alpha[0, 60:100, 120:130].all())


def test_a_given_matte_is_taken() -> None:
    alpha = torch.zeros(1, HEIGHT, WIDTH)
    alpha[:, ROWS, COLUMNS] = 0.7
    lone = lone_photo(photo_of(), "photo.png", alpha)
    assert lone.alpha is alpha
    assert not bool(lone.known[:, ROWS, COLUMNS].any())


def test_nobody_is_an_error_with_two_ways_out() -> None:
    with pytest.raises(NoPersonError, match=r"in photo\.png alone.*--data\.background.*alpha"):
        lone_photo(SCENE, "photo.png", network=Shirts())


def test_the_sample_says_that_its_background_is_made_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "BlazePose", lambda: Shirts((72, 65, 60)))
    given = BlurSample("one", photo_of()[None], photo_of())
    with caplog.at_level(logging.WARNING, "hfb"):
        sample = without_background(given, "photo.png")
    assert "photo.png has no background: the person is told from the photo alone" in caplog.text
    assert sample.background_is_made_up
    assert sample.alpha is not None
    assert sample.alpha.shape == (1, 1, HEIGHT, WIDTH)
    assert sample.background_known is not None
    assert not bool(sample.background_known.all())
