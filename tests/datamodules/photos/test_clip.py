"""A whole clip: photos one by one, each frame decoded once, exposures, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from videos import FPS, HEIGHT, WIDTH, moving_square, save_image

from datamodules.captured import CapturedDataModule
from datamodules.photos import clip as photos_clip
from datamodules.photos import several
from datamodules.photos.clip import ClipSettings
from hfb.errors import InputError
from hfb.formation import linear_to_srgb, srgb_to_linear

FRAMES = 9  # odd: the median takes all of them


@pytest.fixture
def images() -> np.ndarray:
    return moving_square()[:FRAMES]


def frames_of(clip: Path, **changes) -> list:
    data = CapturedDataModule(video=str(clip), clip=ClipSettings(**changes))
    return [sample for batch in data.predict_dataloader() for sample in batch]


def test_each_frame_is_a_photo_with_the_median_behind(clip: Path, images: np.ndarray):
    samples = frames_of(clip)
    assert [sample.part.number for sample in samples] == list(range(FRAMES))
    assert {sample.part.total for sample in samples} == {FRAMES}
    wall = np.median(images, 0)
    for k, sample in enumerate(samples):
        assert sample.sample_id == "clip"
        seen = 255 * sample.blurry[0].permute(1, 2, 0).numpy()
        np.testing.assert_allclose(seen, images[k], atol=1e-3)
        np.testing.assert_allclose(255 * sample.background.permute(1, 2, 0), wall, atol=1e-3)
        assert sample.exposure.tolist() == [[k / FPS, (k + 1) / FPS]]
        assert not sample.exposure_is_known


def test_averaged_frames_and_a_known_exposure(clip: Path, images: np.ndarray):
    samples = frames_of(clip, part="1:8", average=3, exposure=0.5)
    assert [sample.part.first_frame for sample in samples] == [1, 4]
    assert samples[1].exposure.tolist() == [[4 / FPS, 6.5 / FPS]]
    assert samples[0].fps == pytest.approx(FPS / 3)
    assert all(sample.exposure_is_known for sample in samples)
    light = srgb_to_linear(torch.from_numpy(images[1:4] / 255.0)).mean(0)
    expected = linear_to_srgb(light).permute(2, 0, 1).float()
    torch.testing.assert_close(samples[0].blurry[0], expected, rtol=0, atol=1e-6)


def test_every_frame_is_decoded_once(clip: Path, monkeypatch: pytest.MonkeyPatch):
    # Who looks for several people looks at the frames before.
    monkeypatch.setattr(several, "people_network", lambda choice: None)
    calls = []
    read = photos_clip.read_video_frames
    monkeypatch.setattr(photos_clip, "read_video_frames", lambda *a: calls.append(a) or read(*a))
    assert len(frames_of(clip)) == FRAMES
    assert len(calls) == 1


def test_a_region_hides_the_rest_of_every_photo(clip: Path):
    data = CapturedDataModule(video=str(clip), region=(0, 0, 12, HEIGHT))
    samples = [sample for batch in data.predict_dataloader() for sample in batch]
    outside = samples[6].blurry[0, :, :, 12:] - samples[6].background[:, :, 12:]
    assert float(outside.abs().max()) < 0.02
    inside = samples[2].blurry[0, :, :, :12] - samples[2].background[:, :, :12]
    assert float(inside.abs().max()) > 0.2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"part": "3:4"}, "1 frames .* make 1 photos of 1 frames: consecutive photos need .* two"),
        ({"average": 5}, "9 frames .* make 1 photos of 5 frames"),
        ({"part": "3:40"}, "3:40 lies outside the video .*clip.mkv, which has 9 frames"),
        ({"part": "0:3,4:8"}, "give one slice START:STOP"),
        ({"part": "backwards"}, "not understood: give START:STOP"),
        ({"average": 0}, "clip.average must be a whole number from 1"),
        (
            {"exposure": 0.0},
            "clip.exposure must be a finite number from 1e-06",
        ),
        ({"exposure": 1.2}, "clip.exposure must be .*got 1.2"),
    ],
)
def test_what_cannot_be_a_clip_is_refused_in_one_line(clip: Path, changes: dict, message: str):
    with pytest.raises(InputError, match=message) as error:
        frames_of(clip, **changes)
    assert "\n" not in str(error.value)


def test_a_background_of_another_size_is_refused(clip: Path, tmp_path: Path):
    background = save_image(tmp_path / "bg.png", width=WIDTH + 2)
    data = CapturedDataModule(video=str(clip), background=str(background))
    with pytest.raises(InputError, match=r"is 48 x 32 px, its background 50 x 32 px"):
        next(iter(data.predict_dataloader()))


def test_times_of_a_late_frame_keep_their_digits(clip: Path):
    samples = frames_of(clip)
    assert samples[-1].exposure.dtype == torch.float64


def test_a_background_of_another_exposure_is_matched(
    clip: Path, images: np.ndarray, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    wall = torch.from_numpy(np.median(images, 0) / 255)
    darker = 255 * linear_to_srgb(0.8 * srgb_to_linear(wall)).numpy()
    Image.fromarray(darker.round().astype(np.uint8)).save(tmp_path / "bg.png")
    data = CapturedDataModule(video=str(clip), background=str(tmp_path / "bg.png"))
    sample = next(iter(data.predict_dataloader()))[0]
    np.testing.assert_allclose(sample.background.permute(1, 2, 0), wall, atol=0.01)
    assert "exposed differently from its background" in caplog.text
