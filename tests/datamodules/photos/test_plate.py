"""The scene of a clip without its people."""

from pathlib import Path

import numpy as np
import pytest
import torch
from videos import write_clip

from datamodules.captured import CapturedDataModule
from datamodules.files.video import median_background
from datamodules.photos import people, plate
from datamodules.photos.people import drawn_body, find_people
from datamodules.photos.plate import clip_plate, masked_median, moving_places, windows_of
from datamodules.photos.samples import sample_from_video
from hfb.errors import AssetNotFoundError
from hfb.init.detect.blazepose import BlazePose
from hfb.init.detect.decoding import Detection, roi_from_points
from hfb.init.detect.landmarks import Landmarks

HEIGHT, WIDTH, COUNT = 96, 128, 25
SHIRT = (250, 40, 30)
BODY = slice(20, 80)


@pytest.fixture
def wall() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(60, 120, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def with_person(wall: np.ndarray, lefts: np.ndarray) -> np.ndarray:
    """Frames in which somebody 24 px wide stands at these columns."""
    frames = np.repeat(wall[None], len(lefts), axis=0)
    for frame, left in zip(frames, lefts, strict=True):
        frame[BODY, left : left + 24] = SHIRT
    return frames


def shirts(image: np.ndarray, windows: object, score: float = 0.0) -> list[np.ndarray]:
    """Finds people by the colour of their shirt."""
    seen = (image == SHIRT).all(-1)
    return [seen] if seen.any() else []


def as_wall(scene: torch.Tensor) -> np.ndarray:
    return (scene * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()


def test_somebody_slow_leaves_a_ghost_in_the_median_alone(tmp_path: Path, wall: np.ndarray) -> None:
    """They stay near the middle for most of the clip, so that the median shows them there."""
    lefts = np.array([30, 60, *[48, 50, 52, 54] * 5, 30, 75, 80])
    clip = write_clip(tmp_path / "slow.mkv", with_person(wall, lefts))
    assert (as_wall(median_background(clip)) == SHIRT).all(-1).sum() > 500
    made = clip_plate(clip, shirts)
    np.testing.assert_array_equal(as_wall(made.scene), wall)
    assert made.known is None
    assert "without the people" in made.origin


def test_what_was_never_free_is_filled_in_and_marked(
    tmp_path: Path, wall: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    lefts = np.linspace(44, 58, COUNT).round().astype(int)
    clip = write_clip(tmp_path / "stays.mkv", with_person(wall, lefts))
    made = clip_plate(clip, shirts)
    free = COUNT - (lefts[:, None] <= np.arange(WIDTH)).sum(0)
    free += (lefts[:, None] + 24 <= np.arange(WIDTH)).sum(0)
    never = np.zeros((HEIGHT, WIDTH), bool)
    never[BODY] = free < plate.MIN_FREE
    assert made.known is not None
    np.testing.assert_array_equal(made.known[0].numpy() == 0.0, never)
    scene = as_wall(made.scene)
    np.testing.assert_array_equal(scene[~never], wall[~never])
    assert scene[never].max() <= 125, "filled in from the wall around, not from the shirt"
    share = 100 * never.mean()
    assert f"{share:.1f} % of the background of {clip} were never seen" in caplog.text


def test_a_clips_photos_know_what_was_never_free(
    tmp_path: Path, wall: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plate, "people_finder", lambda: shirts)
    lefts = np.linspace(44, 58, COUNT).round().astype(int)
    clip = write_clip(tmp_path / "stays.mkv", with_person(wall, lefts))
    sample = sample_from_video(clip, "2:5")
    module = CapturedDataModule(video=str(clip))
    module.setup("predict")
    assert module.samples is not None
    for one in (sample, module.samples[0]):
        assert one.background_known is not None
        assert 0 < int((one.background_known == 0.0).sum()) < 0.2 * HEIGHT * WIDTH


def test_without_the_networks_it_is_the_median(
    tmp_path: Path, wall: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise AssetNotFoundError("pose_detection.tflite was not found")

    monkeypatch.setattr(people, "BlazePose", missing)
    clip = write_clip(tmp_path / "clip.mkv", with_person(wall, np.arange(2, 102, 4)))
    made = clip_plate(clip)
    torch.testing.assert_close(made.scene, median_background(clip), rtol=0, atol=0)
    assert made.origin == f"the median of {clip}"
    assert made.known is None


def test_a_person_left_in_the_scene_is_said(
    tmp_path: Path, wall: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    """The finder misses them in every frame, and sees them in the scene."""
    frames = with_person(wall, np.array([30] * 3 + [50] * 22))
    clip = write_clip(tmp_path / "missed.mkv", frames)

    def late(image: np.ndarray, windows: object, score: float) -> list[np.ndarray]:
        return shirts(image, windows) if score == people.SURE else []

    clip_plate(clip, late)
    assert f"the background made from {clip} still shows a person" in caplog.text
    assert "--data.background_frame" in caplog.text


def test_somebody_who_never_moves_belongs_to_the_scene(tmp_path: Path, wall: np.ndarray) -> None:
    lefts = np.linspace(60, 100, COUNT).round().astype(int)
    wall = wall.copy()
    wall[BODY, 4:20] = SHIRT
    clip = write_clip(tmp_path / "two.mkv", with_person(wall, lefts))

    def apart(image: np.ndarray, windows: object, score: float) -> list[np.ndarray]:
        [both] = shirts(image, windows)
        left, right = both.copy(), both.copy()
        left[:, 30:], right[:, :30] = False, False
        return [mask for mask in (left, right) if mask.any()]

    made = clip_plate(clip, apart)
    np.testing.assert_array_equal(as_wall(made.scene), wall)
    assert made.known is None


def test_the_masked_median_is_the_lower_median_of_free_values() -> None:
    frames = np.array([10, 20, 30, 40, 200], np.uint8).reshape(5, 1, 1, 1).repeat(3, -1)
    taken = np.array([False, False, False, False, True]).reshape(5, 1, 1)
    scene, known = masked_median(frames, taken)
    assert scene.ravel().tolist() == [20, 20, 20]
    assert known.all()


def test_motion_is_looked_at_whole_and_in_pieces() -> None:
    moves = np.zeros((200, 400), bool)
    moves[50:150, 10:390] = True
    windows = windows_of(moves)
    whole, *pieces = windows
    assert whole[2] > 390
    assert len(pieces) >= 3
    assert all(100 < side < 250 and abs(y - 100) < 2 for _, y, side, _ in pieces)
    tiny = np.zeros((200, 400), bool)
    tiny[5:15, 5:15] = True
    assert windows_of(tiny) == []


def test_codec_noise_is_no_motion(wall: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    noisy = wall[None] + rng.integers(-8, 9, (COUNT, HEIGHT, WIDTH, 3))
    assert not moving_places(noisy.astype(np.uint8)).any()


class SeesOnePerson(BlazePose):
    """Networks that see the same person in every window."""

    def __init__(self) -> None:
        pass

    def detect(self, image: np.ndarray, window: object, min_score: float = 0.3) -> list[Detection]:
        return [Detection(0.9, np.array([60.0, 50.0]), np.array([60.0, 20.0]))]

    def landmarks(self, image: np.ndarray, roi: tuple[float, float, float, float]) -> Landmarks:
        xy = np.tile([60.0, 50.0], (33, 1))
        xy[0] = (60.0, 25.0)
        none = np.zeros(33)
        return Landmarks(xy, np.zeros((33, 3)), none, 0.9, roi, roi)


def test_a_person_seen_in_two_windows_is_one() -> None:
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    windows = [(64.0, 48.0, 128.0, 0.0), (60.0, 48.0, 96.0, 0.0)]
    [mask] = find_people(SeesOnePerson(), image, windows)
    height = roi_from_points(np.array([60.0, 50.0]), np.array([60.0, 20.0]))[2] / 1.25
    head = round(people.HEAD_RADIUS * height)
    assert mask[25 - head, 60]
    assert not mask[25 - head - 2, 60]


def test_a_body_is_drawn_as_wide_as_clothes() -> None:
    """An upright arm: as wide as the limbs' share of the height, but for rounding."""
    xy = np.tile([60.0, 20.0], (33, 1))
    xy[[15, 19]] = (60.0, 80.0)
    mask = drawn_body(xy, 100.0, (HEIGHT, WIDTH))
    assert abs(int(mask[50].sum()) - 17) <= 2
