import struct
import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import jsonargparse
import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from PIL import Image

from datamodules import captured
from datamodules.captured import CapturedDataModule
from datamodules.files.video import (
    _sample_by_seeking,
    average_frames,
    median_background,
    parse_frames,
    read_clip_info,
    read_video_frames,
)
from datamodules.photos.samples import (
    check_pair,
    only_region,
    sample_from_image,
    sample_from_video,
    sample_name,
)
from hfb.errors import InputError
from hfb.formation import linear_to_srgb, srgb_to_linear
from hfb.structures import BlurSample

HEIGHT, WIDTH, FRAMES, FPS = 32, 48, 12, 25


def save_picture(path: Path, value: int = 0, height: int = HEIGHT, width: int = WIDTH) -> Path:
    Image.new("RGB", (width, height), (value, 100, 100)).save(path)
    return path


def write_clip(path: Path, pictures: np.ndarray, codec: str = "ffv1") -> Path:
    """A clip that is stored without loss (FFV1 in RGB), so that decoding is exact."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(FPS))
        stream.height, stream.width = pictures.shape[1:3]
        stream.pix_fmt = "bgr0" if codec == "ffv1" else "yuv420p"
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
        container.mux(stream.encode())
    return path


@pytest.fixture
def pictures() -> np.ndarray:
    """A bright square that moves 4 px a frame over a textured wall."""
    rng = np.random.default_rng(0)
    wall = rng.integers(20, 120, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    frames = np.repeat(wall[None], FRAMES, axis=0)
    for k in range(FRAMES):
        frames[k, 10:20, 4 * k : 4 * k + 4] = (250, 200, 30)
    return frames


@pytest.fixture
def clip(tmp_path: Path, pictures: np.ndarray) -> Path:
    return write_clip(tmp_path / "clip.mkv", pictures)


# photos


def test_sample_from_image(tmp_path: Path) -> None:
    image, background = save_picture(tmp_path / "a b.png", 200), save_picture(tmp_path / "bg.png")
    Image.new("L", (WIDTH, HEIGHT), 51).save(tmp_path / "alpha.png")
    (tmp_path / "e.npz").write_bytes(b"poses")
    (tmp_path / "K.json").write_text("[[50, 0, 24], [0, 51, 16], [0, 0, 1]]")
    sample = sample_from_image(
        image, background, tmp_path / "alpha.png", tmp_path / "e.npz", tmp_path / "K.json"
    )
    assert sample.sample_id == "a_b"
    assert sample.blurry.shape == (1, 3, HEIGHT, WIDTH)
    torch.testing.assert_close(sample.blurry[0, 0], torch.full((HEIGHT, WIDTH), 200 / 255))
    torch.testing.assert_close(sample.background[0], torch.zeros(HEIGHT, WIDTH))
    torch.testing.assert_close(sample.alpha, torch.full((1, 1, HEIGHT, WIDTH), 0.2))
    assert sample.camera is not None
    assert sample.camera.focal.tolist() == [50, 51]
    assert sample.estimate_path == str(tmp_path / "e.npz")
    assert sample.estimate is None


def test_exposure_time_comes_from_the_photo(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x829A] = 0.125
    Image.new("RGB", (WIDTH, HEIGHT), (9, 9, 9)).save(tmp_path / "a.jpg", exif=exif)
    sample = sample_from_image(tmp_path / "a.jpg", save_picture(tmp_path / "bg.png"))
    torch.testing.assert_close(sample.exposure, torch.tensor([[0.0, 0.125]]))
    assert sample.fps == 8.0
    plain = sample_from_image(save_picture(tmp_path / "b.png", 7), tmp_path / "bg.png")
    torch.testing.assert_close(plain.exposure, torch.tensor([[0.0, 1 / 30]]))


def test_bad_pairs(tmp_path: Path) -> None:
    image = save_picture(tmp_path / "a.png", 200)
    small = save_picture(tmp_path / "small.png", 0, 16, 24)
    with pytest.raises(InputError, match=r"a\.png is 48 x 32 px, but .*small\.png is 24 x 16 px"):
        sample_from_image(image, small)
    with pytest.raises(InputError, match=r"a\.png and .*copy\.png are identical"):
        sample_from_image(image, save_picture(tmp_path / "copy.png", 200))
    with pytest.raises(InputError, match=r"cannot read the image .*no\.png: no such file \(looked"):
        sample_from_image(image, tmp_path / "no.png")
    with pytest.raises(InputError, match=r"the initial estimate .*e\.npz: no such file"):
        sample_from_image(image, save_picture(tmp_path / "b.png"), estimate=tmp_path / "e.npz")


def test_pair_that_fits() -> None:
    check_pair(torch.zeros(3, 4, 5), torch.full((3, 4, 5), 0.01))


# clips


def test_frames_are_averaged_in_linear_light(clip: Path, pictures: np.ndarray) -> None:
    blurry = average_frames(clip, range(2, 7))
    light = srgb_to_linear(torch.from_numpy(pictures[2:7] / 255.0)).mean(dim=0)
    expected = linear_to_srgb(light).permute(2, 0, 1).float()
    torch.testing.assert_close(blurry, expected, rtol=0, atol=1e-6)
    # closed form at a pixel that the square covers in one of the five frames
    wall, square = pictures[0, 15, 20, 0] / 255, 250 / 255
    light = 0.8 * ((wall + 0.055) / 1.055) ** 2.4 + 0.2 * ((square + 0.055) / 1.055) ** 2.4
    assert float(blurry[0, 15, 20]) == pytest.approx(1.055 * light ** (1 / 2.4) - 0.055, abs=1e-5)


def test_a_still_clip_stays_sharp(tmp_path: Path, pictures: np.ndarray) -> None:
    still = write_clip(tmp_path / "still.mkv", np.repeat(pictures[:1], 5, axis=0))
    expected = torch.from_numpy(pictures[0]).permute(2, 0, 1) / 255
    torch.testing.assert_close(average_frames(still, range(5)), expected, rtol=0, atol=1e-6)


def test_median_is_the_wall(clip: Path, pictures: np.ndarray) -> None:
    wall = np.median(pictures[:11], axis=0)  # twelve frames: an odd number of them is taken
    background = median_background(clip)
    torch.testing.assert_close(background, torch.from_numpy(wall).permute(2, 0, 1).float() / 255)
    assert float(background.max()) <= 120 / 255


def test_seeking_finds_the_same_frames(tmp_path: Path, pictures: np.ndarray) -> None:
    """FFV1 has key frames only; the seeking of long clips must land on the wanted ones."""
    clip = write_clip(tmp_path / "clip.mkv", pictures)
    wanted = np.array([0, 3, 7, 11])
    found = list(_sample_by_seeking(clip, wanted, read_clip_info(clip)))
    for frame, number in zip(found, wanted, strict=True):
        distance = np.abs(pictures.astype(int) - frame).sum(axis=(1, 2, 3))
        assert abs(int(distance.argmin()) - number) <= 1


def test_sample_from_video_with_a_background_frame(clip: Path, pictures: np.ndarray) -> None:
    sample = sample_from_video(clip, "4:9", background_frame=11)
    assert sample.sample_id == "clip_4-9"
    torch.testing.assert_close(sample.exposure, torch.tensor([[4 / FPS, 9 / FPS]]))
    assert sample.fps == pytest.approx(FPS / 5)
    expected = torch.from_numpy(pictures[11]).permute(2, 0, 1) / 255
    torch.testing.assert_close(sample.background, expected)
    assert "frame 11" in sample.source


def test_several_exposures_with_the_median(clip: Path) -> None:
    sample = sample_from_video(clip, "0:3,4:7")
    assert sample.blurry.shape == (2, 3, HEIGHT, WIDTH)
    torch.testing.assert_close(sample.exposure * FPS, torch.tensor([[0.0, 3.0], [4.0, 7.0]]))
    assert sample.fps == pytest.approx(FPS / 4)
    torch.testing.assert_close(sample.blurry[1], average_frames(clip, range(4, 7)))


def test_background_picture(tmp_path: Path, clip: Path) -> None:
    sample = sample_from_video(clip, "0:3", background=save_picture(tmp_path / "bg.png"))
    assert float(sample.background[0].max()) == 0.0
    with pytest.raises(InputError, match=r"48 x 32 px, but .*small\.png is 24 x 16 px"):
        sample_from_video(clip, "0:3", save_picture(tmp_path / "small.png", 0, 16, 24))


def test_reading_stops_at_the_last_frame_asked_for(clip: Path, pictures: np.ndarray) -> None:
    (first, second) = read_video_frames(clip, range(1, 3))
    np.testing.assert_array_equal(first, pictures[1])
    np.testing.assert_array_equal(second, pictures[2])
    info = read_clip_info(clip)
    assert (info.num_frames, info.fps, info.height, info.width) == (FRAMES, FPS, HEIGHT, WIDTH)


def test_colours_of_compressed_clips(tmp_path: Path) -> None:
    colours = np.array([[200, 60, 40], [40, 160, 60], [50, 60, 190]], np.uint8)
    flat = np.broadcast_to(colours[:, None, None], (3, HEIGHT, WIDTH, 3)).copy()
    clip = write_clip(tmp_path / "a.mp4", flat, "libx264")
    for picture, colour in zip(read_video_frames(clip, range(3)), colours, strict=True):
        np.testing.assert_allclose(picture.mean(axis=(0, 1)), colour, atol=4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("40:49", [range(40, 49)]), ("0:1", [range(1)]), ("1:3,3:5", [range(1, 3), range(3, 5)])],
)
def test_parse_frames(text: str, expected: list[range]) -> None:
    assert parse_frames(text) == expected


@pytest.mark.parametrize("text", ["40", "9:4", "4:4", "-3:4", "a:b", "1:2:3", "", ":5", "1:2,"])
def test_frames_that_are_no_slice(text: str) -> None:
    with pytest.raises(InputError, match="is not understood: give START:STOP"):
        parse_frames(text)


def test_overlapping_exposures() -> None:
    with pytest.raises(InputError, match="'1:4,3:6': the exposures overlap"):
        parse_frames("1:4,3:6")


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
    with pytest.raises(InputError, match="either a background picture or a background_frame"):
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


def test_clip_too_short_for_a_median(tmp_path: Path, pictures: np.ndarray) -> None:
    clip = write_clip(tmp_path / "short.mkv", pictures[:2])
    with pytest.raises(InputError, match="only 2 frames: too few to see the background"):
        sample_from_video(clip, "0:1")


def test_one_matte_for_two_exposures(tmp_path: Path, clip: Path) -> None:
    Image.new("L", (WIDTH, HEIGHT), 51).save(tmp_path / "alpha.png")
    with pytest.raises(InputError, match="one alpha matte was given for 2 input frames"):
        sample_from_video(clip, "0:3,4:7", alpha=tmp_path / "alpha.png")


def test_clip_too_large_for_the_memory(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datamodules.files.memory.available_memory", lambda: 2**20)
    with pytest.raises(InputError, match="too little memory for the asked size: 48 x 32 px"):
        sample_from_video(clip, "0:3")


def turn_clockwise(path: Path) -> None:
    """Ask players to turn the clip by 90 degrees, as phones do: the matrix in the track header."""
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 4 + 40
    numbers = [0, 0x10000, 0, -0x10000, 0, 0, HEIGHT << 16, 0, 0x40000000]
    data[start : start + 36] = struct.pack(">9i", *numbers)
    path.write_bytes(data)


def test_phone_clips_are_turned_upright(tmp_path: Path) -> None:
    picture = np.full((1, HEIGHT, WIDTH, 3), 40, np.uint8)
    picture[0, :16, :16] = 220  # upper left; after a clockwise turn: upper right
    clip = write_clip(tmp_path / "a.mp4", picture, "libx264")
    turn_clockwise(clip)
    (frame,) = read_video_frames(clip, range(1))
    assert frame.shape == (WIDTH, HEIGHT, 3)
    assert frame[:12, -12:].mean() > 200
    assert frame[:12, :12].mean() < 60
    info = read_clip_info(clip)
    assert (info.height, info.width) == (WIDTH, HEIGHT)


# the data module


class _Keeper(pl.LightningModule):
    """Remembers what the trainer hands it."""

    def predict_step(self, batch: list[BlurSample], batch_idx: int) -> int:
        self.batch = batch
        return len(batch)


@pytest.mark.filterwarnings(
    "ignore:The 'predict_dataloader' does not have many workers",  # on purpose, see sample_loader
    "ignore:.*LeafSpec:FutureWarning",  # Lightning 2.6 under torch 2.13
)
def test_trainer_passes_samples_on_untouched(tmp_path: Path) -> None:
    """Lightning walks into dataclasses to move their tensors and refuses frozen ones."""
    image, background = save_picture(tmp_path / "a.png", 200), save_picture(tmp_path / "bg.png")
    data = CapturedDataModule(image=str(image), background=str(background))
    keeper = _Keeper()
    trainer = pl.Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False
    )
    trainer.predict(keeper, data, return_predictions=False)
    assert keeper.batch[0] is data.samples[0]


def test_data_module_gives_lists_of_one(tmp_path: Path) -> None:
    image, background = save_picture(tmp_path / "a.png", 200), save_picture(tmp_path / "bg.png")
    data = CapturedDataModule(image=str(image), background=str(background))
    data.setup("predict")
    (batch,) = list(data.predict_dataloader())
    assert isinstance(batch, list)
    assert [sample.sample_id for sample in batch] == ["a"]
    assert data.transfer_batch_to_device(batch, torch.device("cpu"), 0) is batch


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image": "a.png", "video": "b.mp4"}, "either an image or a video, not both"),
        ({"image": "a.png"}, r"a\.png needs a background: .*--data\.background"),
        ({"image": "a.png", "frames": "1:2"}, "belong to a video"),
        ({"image": "a.png", "background_frame": 3}, "belong to a video"),
        ({"video": "b.mp4"}, r"cannot read the video b\.mp4: no such file"),
        ({"video": "b.mp4", "alpha": "a.png"}, "one alpha matte was given for a whole clip"),
        ({"background": "b.png", "alpha": "a.png"}, "background and alpha given, but neither"),
    ],
)
def test_options_that_contradict_each_other(arguments: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        CapturedDataModule(**arguments).setup("predict")


def test_nothing_given_shows_the_example(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = []

    def example(seed: int = 0) -> BlurSample:
        seeds.append(seed)
        return BlurSample("example", torch.ones(1, 3, 4, 4), torch.zeros(3, 4, 4))

    # a stand-in: making the example itself renders for seconds and is tested with its generator
    synthetic = SimpleNamespace(embedded_example=example)
    monkeypatch.setitem(sys.modules, "datamodules.synthetic.data_module", synthetic)
    ((sample,),) = list(CapturedDataModule(example_seed=5).predict_dataloader())
    assert sample.sample_id == "example"
    assert seeds == [5]


def test_command_line_keeps_frames_as_text(tmp_path: Path) -> None:
    """YAML 1.1 reads 40:49 as a number in base 60: an option stays text, a file gets a hint."""
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(CapturedDataModule, "data")
    assert parser.parse_args(["--data.frames", "40:49"]).data.frames == "40:49"
    arguments = ["--data.frames", "40:49", "--data.background_frame", "229"]
    parsed = parser.parse_args(arguments)
    (tmp_path / "saved.yaml").write_text(parser.dump(parsed))
    parser.add_argument("--config", action="config")
    again = parser.parse_args([f"--config={tmp_path / 'saved.yaml'}"]).data
    assert again.frames == "40:49"
    assert again.background_frame == 229
    (tmp_path / "bare.yaml").write_text("data:\n  video: a.mp4\n  frames: 40:49\n")
    bare = parser.parse_args([f"--config={tmp_path / 'bare.yaml'}"])
    with pytest.raises(InputError, match=r'frames is the number 2449.*quotes: frames: "40:49"'):
        parser.instantiate_classes(bare).data.setup("predict")


def test_help_text_names_every_option() -> None:
    """The docstring is the --help text."""
    documented = captured.CapturedDataModule.__doc__ or ""
    parser = jsonargparse.ArgumentParser()
    parser.add_class_arguments(CapturedDataModule, "data")
    for option in vars(parser.get_defaults().data):
        assert f"\n        {option}: " in documented, option


@pytest.mark.parametrize(
    ("text", "name"),
    [("IMG 01 (2)", "IMG_01_2"), ("../x", "x"), ("", "sample"), ("añb", "añb"), ("a:b,c", "a-b_c")],
)
def test_sample_names_are_folder_names(text: str, name: str) -> None:
    assert sample_name(text) == name


def test_real_clip(shared_data: Path) -> None:
    """A phone's VP9 clip: only the walking person, a few percent of the picture, differs."""
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
