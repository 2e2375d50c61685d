"""Backgrounds brought to their photos, and what is said about it."""

import logging

import pytest
import torch
from wall_scenes import exposed, photo_of, textured_scene

from hfb.background.camera_motion import CameraMotion, seen_after
from hfb.background.match import Background, in_tones_of, matched_background
from hfb.errors import InputError

HEIGHT, WIDTH = 240, 320
SCENE = textured_scene(HEIGHT, WIDTH)


def moved(image: torch.Tensor, dx: float, dy: float) -> torch.Tensor:
    matrix = torch.tensor([[1.0, 0.0, dx], [0.0, 1.0, dy]]).double().numpy()
    return seen_after(image, CameraMotion(matrix, (WIDTH, HEIGHT), 0.3, 0, 1.0))[0]


def match(
    photo: torch.Tensor, given: Background, caplog: pytest.LogCaptureFixture
) -> tuple[Background, str]:
    with caplog.at_level(logging.WARNING, "hfb"):
        found = matched_background(photo, given, "photo.png")
    return found, caplog.text


@pytest.mark.parametrize("covered", [0.0, 0.1, 0.25, 0.4])
@pytest.mark.parametrize("seed", range(3))
def test_pairs_that_match_stay_as_they_are(
    covered: float, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    given = Background(SCENE)
    found, said = match(photo_of(SCENE, covered, seed), given, caplog)
    assert found is given
    assert said == ""


def test_a_person_darker_than_a_plain_wall_is_no_gain(caplog: pytest.LogCaptureFixture) -> None:
    """Clothes of one brightness over 45 % of a wall of one brightness."""
    wall = torch.full((3, HEIGHT, WIDTH), 0.7) + 0.02 * torch.rand(3, HEIGHT, WIDTH)
    photo = wall.clone()
    photo[..., : round(0.45 * WIDTH)] *= 0.7
    given = Background(wall)
    assert match(photo[None], given, caplog)[0] is given


def test_a_gain_is_said_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    found, said = match(photo_of(SCENE), Background(exposed(SCENE, 0.8, 0.8, 0.8)), caplog)
    assert "photo.png is exposed differently from its background: light is 1.25, 1.25 and" in said
    assert "middle tones" not in said
    assert found.known is None
    assert float((found.scene - SCENE).abs().mean()) < 0.003


def test_a_tone_curve_is_said_with_its_ends(caplog: pytest.LogCaptureFixture) -> None:
    found, said = match(photo_of(SCENE), Background(SCENE**1.3), caplog)
    assert "in middle tones, " in said
    assert float((found.scene - SCENE).abs().mean()) < 0.003


def test_a_shift_under_another_tone_is_undone(caplog: pytest.LogCaptureFixture) -> None:
    given = Background(moved(SCENE, 4.0, -3.0) ** 1.3)
    found, said = match(photo_of(SCENE), given, caplog)
    assert "the camera moved by 5.0 px between them" in said
    assert "is exposed differently" in said
    assert found.known is not None
    inside = found.known[0] > 0
    assert float((found.scene - SCENE)[:, inside].abs().mean()) < 0.005
    # 4 px at the left and 3 px at the lower edge were outside the background.
    assert 0.02 < 1 - float(found.known.mean()) < 0.04
    assert not bool(found.known[..., -2:].any())


def test_holes_of_the_background_move_with_it(caplog: pytest.LogCaptureFixture) -> None:
    known = torch.ones(1, HEIGHT, WIDTH)
    known[..., 50:80, 100:120] = 0.0
    found, _ = match(photo_of(SCENE), Background(moved(SCENE, 6.0, 0.0), known), caplog)
    assert found.known is not None
    assert not bool(found.known[..., 52:78, 96:112].any())
    assert bool(found.known[..., 52:78, 116:200].all())


def test_a_large_motion_is_refused_with_its_size() -> None:
    with pytest.raises(InputError, match=r"moved by 30\.\d px between them, and up to 3 % of the"):
        matched_background(photo_of(SCENE), Background(moved(SCENE, 30.0, 5.0)), "photo.png")


def test_photos_of_a_camera_that_moved_between_them_are_refused() -> None:
    photos = torch.cat([photo_of(SCENE), photo_of(moved(SCENE, 5.0, 0.0))])
    with pytest.raises(InputError, match=r"moved by 5\.\d px between the photos that begin with"):
        matched_background(photos, Background(SCENE), "photo.png")


def test_another_place_is_told_and_left(caplog: pytest.LogCaptureFixture) -> None:
    given = Background(textured_scene(HEIGHT, WIDTH, seed=7))
    found, said = match(photo_of(SCENE), given, caplog)
    assert found is given
    assert "photo.png is as bright as its background in only" in said


def test_white_that_hides_how_bright_it_is_is_not_known(caplog: pytest.LogCaptureFixture) -> None:
    given = exposed(SCENE, 2.5, 2.5, 2.5)
    found, _ = match(photo_of(SCENE), Background(given), caplog)
    assert found.known is not None
    torch.testing.assert_close(found.known[0] < 1, (given >= 0.995).any(0))


def test_a_photo_of_a_clip_is_brought_to_the_tones_of_its_scene() -> None:
    photo = photo_of(SCENE, 0.2)[0]
    assert in_tones_of(SCENE, photo) is photo
    mended = in_tones_of(SCENE, photo**1.3)
    # The person, too.
    assert float((mended - photo).abs().mean()) < 0.005
    other = textured_scene(HEIGHT, WIDTH, seed=7)
    assert in_tones_of(other, photo) is photo
