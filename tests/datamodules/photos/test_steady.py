"""Clips whose camera moves: a little is undone, much is refused."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from videos import write_clip
from wall_scenes import textured_scene

from datamodules.captured import CapturedDataModule
from datamodules.photos import plate
from datamodules.photos.plate import clip_plate
from datamodules.photos.samples import sample_from_video
from datamodules.photos.steady import camera_path, moves, steadied, steadier_of
from hfb.background.camera_motion import as_pixels
from hfb.errors import InputError

HEIGHT, WIDTH, COUNT, PAD = 160, 240, 11, 60
WALL = as_pixels(textured_scene(HEIGHT + 2 * PAD, WIDTH + 2 * PAD))


@pytest.fixture(autouse=True)
def _without_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plate, "people_finder", lambda: None)


def frames_at(lefts: list[int], person: int | None = None) -> np.ndarray:
    """What a camera sees that looks this far to the right, px; somebody walks from a column on."""
    frames = np.stack([WALL[PAD:-PAD, PAD + k : PAD + k + WIDTH] for k in lefts])
    if person is not None:
        for number, frame in enumerate(frames):
            left = person + 6 * number
            frame[30:150, left : left + 40] = (20, 30, 90)
    return frames


def clip_of(path: Path, lefts: list[int], person: int | None = None) -> Path:
    return write_clip(path / "clip.mkv", frames_at(lefts, person))


STILL = [0] * COUNT
SHAKEN = [0, 1, 3, 4, 2, 0, -1, -3, -4, -2, 0]
PANNED = [5 * k for k in range(COUNT)]


def test_a_camera_that_stands_still_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frames = frames_at(STILL, person=60)
    same, outside = steadied(frames, "clip")
    assert same is frames
    assert outside is None
    clip = clip_of(tmp_path, STILL, person=60)
    with caplog.at_level(logging.WARNING, "hfb"):
        assert steadier_of(clip, range(COUNT), 5) is None
    assert caplog.text == ""


def test_a_shaken_camera_is_steadied(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clip = clip_of(tmp_path, SHAKEN)
    with caplog.at_level(logging.WARNING, "hfb"):
        sample = sample_from_video(clip, "0:9")
    assert f"the camera of {clip} moves: by" in caplog.text
    assert "within 9 frames; they are moved back to one view" in caplog.text
    # Frame 4, in the middle, gives the view.
    expected = torch.from_numpy(frames_at([2])[0]).permute(2, 0, 1) / 255
    known = sample.background_known
    assert known is not None
    assert 0.9 < float(known.mean()) < 0.99
    inside = known[0] > 0
    for image in (sample.blurry[0], sample.background):
        assert float((image - expected)[:, inside].abs().mean()) < 0.01
    unsteady = np.stack(frames_at(SHAKEN[:9])).mean(0)
    assert np.abs(unsteady / 255 - expected.permute(1, 2, 0).numpy()).mean() > 0.012


def test_photos_of_a_shaken_clip_have_one_view(tmp_path: Path) -> None:
    data = CapturedDataModule(video=str(clip_of(tmp_path, SHAKEN, person=60)))
    photos = [sample for (sample,) in data.predict_dataloader()]
    assert len(photos) == COUNT
    for photo in photos:
        assert photo.background_known is not None
        # Away from the walker and the edges.
        corner = (slice(None), slice(8, 28), slice(8, -8))
        difference = (photo.blurry[0] - photo.background)[corner].abs()
        assert float(difference.mean()) < 0.02


def test_photos_of_a_clip_whose_light_changes_have_one_tone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frames = frames_at(STILL, person=60)
    for number in range(7, COUNT):
        frames[number] = (255 * (frames[number] / 255) ** 0.8).round()
    clip = write_clip(tmp_path / "clip.mkv", frames)
    with caplog.at_level(logging.WARNING, "hfb"):
        photos = [p for (p,) in CapturedDataModule(video=str(clip)).predict_dataloader()]
    assert caplog.text.count("changes, from frame 7 on at the latest") == 1
    first = torch.from_numpy(frames[3]).permute(2, 0, 1) / 255
    torch.testing.assert_close(photos[3].blurry[0], first, atol=1e-6, rtol=0)
    last = torch.from_numpy(frames_at(STILL, person=60)[-1]).permute(2, 0, 1) / 255
    assert float((photos[-1].blurry[0] - last).abs().mean()) < 0.005


def test_the_scene_of_a_shaken_clip_is_sharp(tmp_path: Path) -> None:
    made = clip_plate(clip_of(tmp_path, SHAKEN))
    expected = frames_at([SHAKEN[COUNT // 2]])[0] / 255
    difference = made.scene.permute(1, 2, 0).numpy() - expected
    assert np.abs(difference[:, 8:-8]).mean() < 0.01


@pytest.mark.parametrize(
    "options", [{"frames": "0:11"}, {}, {"frames": "0:11", "background_frame": 0}]
)
def test_a_panned_camera_is_refused(tmp_path: Path, options: dict) -> None:
    data = CapturedDataModule(video=str(clip_of(tmp_path, PANNED)), **options)
    with pytest.raises(InputError, match=r"moves: by [2-5]\d\.\d px.* within .*up to 3 % of the"):
        data.setup("predict")


def test_a_camera_that_ends_elsewhere_is_followed_step_by_step() -> None:
    frames = frames_at([0, 25, 50])
    path = camera_path(frames, frames[0])
    assert path[2] is not None
    np.testing.assert_allclose(path[2].shift_px, (-50, 0), atol=0.5)
    assert moves(path)


def test_walls_without_anything_on_them_tell_nothing() -> None:
    plain = np.full((5, HEIGHT, WIDTH, 3), 130, np.uint8)
    assert not moves(camera_path(plain, plain[0]))
