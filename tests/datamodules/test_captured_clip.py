"""A whole clip: photos one by one, each frame decoded once, exposures, and what is refused."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.captured import CapturedDataModule
from datamodules.photos import clip as captured_clip
from datamodules.photos.clip import ClipSettings
from hfb.errors import InputError

HEIGHT, WIDTH, FPS, FRAMES = 24, 32, 25, 9


@pytest.fixture
def pictures() -> np.ndarray:
    """A bright bar that moves 3 px a frame over a wall."""
    wall = np.random.default_rng(0).integers(20, 120, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    frames = np.repeat(wall[None], FRAMES, axis=0)
    for k in range(FRAMES):
        frames[k, 8:16, 3 * k : 3 * k + 3] = (250, 200, 30)
    return frames


@pytest.fixture
def clip(tmp_path: Path, pictures: np.ndarray) -> Path:
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(FPS))
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "bgr0"
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame.reformat(format="bgr0")))
        container.mux(stream.encode())
    return path


def frames_of(clip: Path, **changes) -> list:
    data = CapturedDataModule(video=str(clip), clip=ClipSettings(**changes))
    return [sample for batch in data.predict_dataloader() for sample in batch]


def test_each_frame_is_a_photo_with_the_median_behind(clip: Path, pictures: np.ndarray):
    samples = frames_of(clip)
    assert [sample.part.number for sample in samples] == list(range(FRAMES))
    assert {sample.part.total for sample in samples} == {FRAMES}
    wall = np.median(pictures, 0)
    for k, sample in enumerate(samples):
        assert sample.sample_id == "clip"
        seen = 255 * sample.blurry[0].permute(1, 2, 0).numpy()
        np.testing.assert_allclose(seen, pictures[k], atol=1e-3)
        np.testing.assert_allclose(255 * sample.background.permute(1, 2, 0), wall, atol=1e-3)
        assert sample.exposure.tolist() == [[k / FPS, (k + 1) / FPS]]
        assert not sample.exposure_is_known


def test_averaged_frames_and_a_known_exposure(clip: Path):
    samples = frames_of(clip, part="1:8", average=3, exposure=0.5)
    assert [sample.part.first_frame for sample in samples] == [1, 4]
    assert samples[1].exposure.tolist() == [[4 / FPS, 6.5 / FPS]]
    assert samples[0].fps == pytest.approx(FPS / 3)
    assert all(sample.exposure_is_known for sample in samples)
    # 0.5 of the three frames' bars in turn, in linear light, over the wall
    assert float(samples[0].blurry[0, 0, 12, 3]) < float(samples[0].blurry[0].max())


def test_every_frame_is_decoded_once(clip: Path, monkeypatch: pytest.MonkeyPatch):
    calls = []
    read = captured_clip.read_video_frames
    monkeypatch.setattr(captured_clip, "read_video_frames", lambda *a: calls.append(a) or read(*a))
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
        ({"average": 0}, "average 0: at least 1 frame"),
        ({"exposure": 0.0}, "exposure 0.0 is not a share of the frame time"),
        ({"exposure": 1.2}, "exposure 1.2 is not a share of the frame time"),
    ],
)
def test_what_cannot_be_a_clip_is_refused_in_one_line(clip: Path, changes: dict, message: str):
    with pytest.raises(InputError, match=message) as error:
        frames_of(clip, **changes)
    assert "\n" not in str(error.value)


def test_a_background_of_another_size_is_refused(clip: Path, tmp_path: Path):
    Image.new("RGB", (WIDTH + 2, HEIGHT)).save(tmp_path / "bg.png")
    data = CapturedDataModule(video=str(clip), background=str(tmp_path / "bg.png"))
    with pytest.raises(InputError, match=r"is 32 x 24 px, its background 34 x 24 px"):
        next(iter(data.predict_dataloader()))


def test_times_of_a_late_frame_keep_their_digits(clip: Path):
    samples = frames_of(clip)
    assert samples[-1].exposure.dtype == torch.float64
