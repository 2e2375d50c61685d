"""A moment of a clip: which frames become photos, and what is said near the ends."""

from pathlib import Path

import numpy as np
import pytest
from videos import FPS, save_image

from datamodules.captured import CapturedDataModule
from datamodules.files.clip_info import ClipInfo
from datamodules.photos.clip import ClipSettings
from datamodules.photos.moment import around_moment
from hfb.errors import InputError
from hfb.structures import BlurSample

INFO = ClipInfo(100, 25.0, 32, 48, np.arange(101) / 25)


def part_of(at: float | str, average: int = 1, info: ClipInfo = INFO) -> str | None:
    return around_moment(at, ClipSettings(average=average), info, "a.mp4").part


def sample_at(clip: Path, at: float | str, **changes) -> BlurSample:
    data = CapturedDataModule(
        video=str(clip),
        background=str(save_image(clip.parent / "bg.png")),
        at=at,
        clip=ClipSettings(**changes),
    )
    ((sample,),) = list(data.predict_dataloader())
    return sample


@pytest.mark.parametrize(
    ("at", "average", "part"),
    [
        (2.0, 1, "49:53"),  # frame 50 is the second of four
        ("2.0", 1, "49:53"),
        ("50f", 1, "49:53"),
        (2.019, 1, "49:53"),  # shown until 2.04 s
        (2.0, 3, "45:57"),
        (2.0, 9, "33:69"),
    ],
)
def test_the_moment_is_in_the_middle(at, average, part, caplog):
    assert part_of(at, average) == part
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("at", "average", "part", "end"),
    [
        (0.0, 1, "0:4", "beginning"),
        ("99f", 1, "96:100", "end"),
        (3.99, 3, "88:100", "end"),
        (0.1, 3, "0:12", "beginning"),
    ],
)
def test_near_an_end_the_photos_are_moved_and_it_is_said(at, average, part, end, caplog):
    assert part_of(at, average) == part
    assert f"of a.mp4 is near its {end}: the 4 photos are made of its frames" in caplog.text


def test_a_short_clip_makes_fewer_photos(caplog):
    short = ClipInfo(11, 25.0, 32, 48, np.arange(12) / 25)
    assert part_of(0.2, 3, short) == "1:10"
    assert "the 3 photos are made of its frames 1 to 9" in caplog.text
    with pytest.raises(InputError, match="has 11 frames: too few for consecutive photos of 6"):
        part_of(0.2, 6, short)


@pytest.mark.parametrize("at", [4.0, -0.1, "100f", "-1f", 1e9])
def test_a_moment_outside_is_refused_with_the_length(at):
    with pytest.raises(InputError, match=r"lies outside the video a\.mp4, which lasts 4\.00 s"):
        part_of(at)


@pytest.mark.parametrize("at", ["soon", "f", "1.5f", "nan", "1:30", ""])
def test_what_is_no_moment_is_told_how_to_write_one(at):
    with pytest.raises(InputError, match=r"is not understood: give seconds .* \(187f\)"):
        part_of(at)


def test_four_photos_become_one_sample(clip: Path):
    sample = sample_at(clip, "6f")
    assert sample.sample_id == "clip_at_6f"
    assert sample.blurry.shape[0] == 4
    expected = [[k / FPS, (k + 1) / FPS] for k in range(5, 9)]
    np.testing.assert_allclose(sample.exposure, expected)
    assert not sample.exposure_is_known
    assert sample.part is None
    assert "frames 5:9" in sample.source


def test_averaged_frames_and_a_known_exposure(clip: Path):
    sample = sample_at(clip, 0.2, average=2, exposure=0.5)
    assert sample.sample_id == "clip_at_0.2s"
    assert sample.fps == pytest.approx(FPS / 2)
    assert sample.exposure_is_known
    assert sample.exposure[0].tolist() == pytest.approx([2 / FPS, 3.5 / FPS])
