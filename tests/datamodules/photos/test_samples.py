"""Photos and exposures out of clips."""

from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image
from videos import FPS, HEIGHT, WIDTH, save_image, write_clip

from datamodules.files.video import (
    average_frames,
    read_video_frames,
)
from datamodules.photos.samples import (
    only_region,
    sample_from_image,
    sample_from_video,
)
from hfb.errors import InputError
from hfb.files import memory
from hfb.formation import linear_to_srgb, srgb_to_linear
from hfb.structures import BlurSample


def test_sample_from_image(tmp_path: Path) -> None:
    image, background = save_image(tmp_path / "a b.png", 200), save_image(tmp_path / "bg.png")
    matte = np.zeros((HEIGHT, WIDTH), np.uint8)
    matte[4:20, 10:20] = 51
    Image.fromarray(matte).save(tmp_path / "alpha.png")
    (tmp_path / "e.npz").write_bytes(b"poses")
    (tmp_path / "K.json").write_text("[[50, 0, 24], [0, 51, 16], [0, 0, 1]]")
    sample = sample_from_image(
        image, background, tmp_path / "alpha.png", tmp_path / "e.npz", tmp_path / "K.json"
    )
    assert sample.sample_id == "a_b"
    assert sample.blurry.shape == (1, 3, HEIGHT, WIDTH)
    torch.testing.assert_close(sample.blurry[0, 0], torch.full((HEIGHT, WIDTH), 200 / 255))
    torch.testing.assert_close(sample.background[0], torch.zeros(HEIGHT, WIDTH))
    torch.testing.assert_close(sample.alpha, torch.from_numpy(matte)[None, None] / 255)
    assert sample.camera is not None
    assert sample.camera.focal.tolist() == [50, 51]
    assert sample.estimate_path == str(tmp_path / "e.npz")
    assert sample.estimate is None


def test_exposure_time_comes_from_the_photo(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x829A] = 0.125
    Image.new("RGB", (WIDTH, HEIGHT), (9, 9, 9)).save(tmp_path / "a.jpg", exif=exif)
    sample = sample_from_image(tmp_path / "a.jpg", save_image(tmp_path / "bg.png"))
    torch.testing.assert_close(sample.exposure, torch.tensor([[0.0, 0.125]]))
    assert sample.fps == 8.0
    plain = sample_from_image(save_image(tmp_path / "b.png", 7), tmp_path / "bg.png")
    torch.testing.assert_close(plain.exposure, torch.tensor([[0.0, 1 / 30]]))


def test_bad_pairs(tmp_path: Path) -> None:
    image = save_image(tmp_path / "a.png", 200)
    small = save_image(tmp_path / "small.png", 0, 16, 24)
    with pytest.raises(InputError, match=r"a\.png is 48 x 32 px, but .*small\.png is 24 x 16 px"):
        sample_from_image(image, small)
    with pytest.raises(InputError, match=r"a\.png and .*copy\.png are identical"):
        sample_from_image(image, save_image(tmp_path / "copy.png", 200))
    with pytest.raises(InputError, match=r"cannot read the image .*no\.png: no such file \(looked"):
        sample_from_image(image, tmp_path / "no.png")
    with pytest.raises(InputError, match=r"the initial estimate .*e\.npz: no such file"):
        sample_from_image(image, save_image(tmp_path / "b.png"), estimate=tmp_path / "e.npz")


def test_sample_from_video_with_a_background_frame(clip: Path, images: np.ndarray) -> None:
    sample = sample_from_video(clip, "4:9", background_frame=11)
    assert sample.sample_id == "clip_4-9"
    torch.testing.assert_close(sample.exposure, torch.tensor([[4 / FPS, 9 / FPS]]))
    assert sample.fps == pytest.approx(FPS / 5)
    expected = torch.from_numpy(images[11]).permute(2, 0, 1) / 255
    torch.testing.assert_close(sample.background, expected)
    assert "frame 11" in sample.source


def test_several_exposures_with_the_median(clip: Path) -> None:
    sample = sample_from_video(clip, "0:3,4:7")
    assert sample.blurry.shape == (2, 3, HEIGHT, WIDTH)
    torch.testing.assert_close(sample.exposure * FPS, torch.tensor([[0.0, 3.0], [4.0, 7.0]]))
    assert sample.fps == pytest.approx(FPS / 4)
    torch.testing.assert_close(sample.blurry[1], average_frames(clip, range(4, 7)))


def test_background_image(tmp_path: Path, clip: Path) -> None:
    sample = sample_from_video(clip, "0:3", background=save_image(tmp_path / "bg.png"))
    assert float(sample.background[0].max()) == 0.0
    with pytest.raises(InputError, match=r"48 x 32 px, but .*small\.png is 24 x 16 px"):
        sample_from_video(clip, "0:3", save_image(tmp_path / "small.png", 0, 16, 24))


def test_frames_outside_the_clip(clip: Path) -> None:
    with pytest.raises(InputError, match=r"the frames 8:13 lie outside .*12 frames: 0 … 11"):
        sample_from_video(clip, "8:13")
    with pytest.raises(InputError, match=r"background_frame 12 lie outside .*12 frames"):
        sample_from_video(clip, "0:3", background_frame=12)
    with pytest.raises(InputError, match=r"background_frame -1 lie outside"):
        sample_from_video(clip, "0:3", background_frame=-1)
    with pytest.raises(InputError, match=r"has 12 frames \(0 … 11\), but the frames 10 … 14"):
        list(read_video_frames(clip, range(10, 15)))


def test_both_backgrounds(clip: Path) -> None:
    with pytest.raises(InputError, match="either a background image or a background_frame"):
        sample_from_video(clip, "0:3", background="bg.png", background_frame=3)


def test_corrupt_and_missing_clips(tmp_path: Path, clip: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read the video .*no\.mp4: no such file"):
        sample_from_video(tmp_path / "no.mp4", "0:3")
    (tmp_path / "text.mp4").write_bytes(b"not a video" * 100)
    with pytest.raises(InputError, match=r"cannot read the video .*text\.mp4: .*whole\?"):
        sample_from_video(tmp_path / "text.mp4", "0:3")
    (tmp_path / "empty.mp4").write_bytes(b"")
    with pytest.raises(InputError, match=r"cannot read the video .*empty\.mp4"):
        sample_from_video(tmp_path / "empty.mp4", "0:3")
    whole = clip.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cut\.mkv"):
        sample_from_video(tmp_path / "cut.mkv", "8:12", background_frame=0)


def test_clip_without_video(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(InputError, match=r"a\.wav holds no video stream"):
        sample_from_video(tmp_path / "a.wav", "0:3")


def test_clip_too_short_for_a_median(tmp_path: Path, images: np.ndarray) -> None:
    clip = write_clip(tmp_path / "short.mkv", images[:2])
    with pytest.raises(InputError, match="only 2 frames: too few to see the background"):
        sample_from_video(clip, "0:1")


def test_one_matte_for_two_exposures(tmp_path: Path, clip: Path) -> None:
    Image.new("L", (WIDTH, HEIGHT), 51).save(tmp_path / "alpha.png")
    with pytest.raises(InputError, match="one alpha matte was given for 2 input frames"):
        sample_from_video(clip, "0:3,4:7", alpha=tmp_path / "alpha.png")


def test_clip_too_large_for_the_memory(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 2**20)
    with pytest.raises(InputError, match="too little memory for the asked size: 48 x 32 px"):
        sample_from_video(clip, "0:3")


def test_real_clip(shared_data: Path) -> None:
    """A phone's VP9 clip: only the walking person, a few percent of the image, differs."""
    clip = shared_data / "videos" / "sports2d_demo.mp4"
    sample = sample_from_video(clip, "1:7", background_frame=50)
    assert sample.blurry.shape == (1, 3, 994, 1768)
    torch.testing.assert_close(sample.exposure, torch.tensor([[1 / 30, 7 / 30]]))
    changed = (sample.blurry[0] - sample.background).abs().amax(dim=0) > 0.2
    assert 0.001 < float(changed.float().mean()) < 0.1


def test_only_the_region_differs_from_the_background_by_more_than_noise() -> None:
    background = torch.rand(3, 8, 10)
    blurry = background[None] + 0.01
    blurry[..., 1:5, 2:6] += 0.5
    blurry[..., 6:8, 7:9] += 0.5  # somebody else
    sample = only_region(BlurSample("a", blurry, background), (2, 1, 6, 5))
    torch.testing.assert_close(sample.blurry[..., 1:5, 2:6], blurry[..., 1:5, 2:6])
    rest = torch.ones(8, 10, dtype=torch.bool)
    rest[1:5, 2:6] = False
    difference = (sample.blurry[0] - background)[:, rest]
    assert 0.005 < float(difference.median()) < 0.015
    assert float(difference.max()) < 0.035
    with pytest.raises(InputError, match=r"left < right within 0\.\.10"):
        only_region(sample, (2, 1, 12, 5))


def exposed_pair(folder: Path) -> tuple[Path, Path, np.ndarray]:
    """A photo of a textured wall with a square before it; its background got 0.8 of the light."""
    rng = np.random.default_rng(0)
    wall = rng.uniform(0.05, 0.4, (HEIGHT * 2, WIDTH * 2, 1)).repeat(3, axis=-1)
    photo = wall.copy()
    photo[20:50, 30:50] = 0.6
    for name, light in (("photo", photo), ("wall", 0.8 * wall)):
        encoded = 255 * linear_to_srgb(torch.from_numpy(light)).numpy()
        Image.fromarray(encoded.round().astype(np.uint8)).save(folder / f"{name}.png")
    return folder / "photo.png", folder / "wall.png", wall


def test_a_background_of_another_exposure_is_matched(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    photo, background, wall = exposed_pair(tmp_path)
    sample = sample_from_image(photo, background)
    light = srgb_to_linear(sample.background).permute(1, 2, 0).numpy()
    np.testing.assert_allclose(light, wall, rtol=0.04)
    assert "1.25, 1.25 and 1.25 times as much" in caplog.text
