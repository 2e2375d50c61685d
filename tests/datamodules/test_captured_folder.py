"""Folders of photos and clips."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from datamodules.captured_folder import CapturedFolderDataModule, read_captured
from datamodules.files.target import write_target
from hfb.errors import InputError
from hfb.export import write_image, write_video
from hfb.structures import BrokenSample, Target


@pytest.fixture
def root(tmp_path: Path, generator: torch.Generator) -> Path:
    """A photo with truth, a clip, and a folder in which the background is missing."""
    image, scene = torch.rand(2, 3, 32, 48, generator=generator)
    for name in ("photo", "broken"):
        write_image(tmp_path / name / "image.png", image)
    write_image(tmp_path / "photo" / "background.png", scene)
    times = torch.tensor([[0.01, 0.02]])
    write_target(tmp_path / "photo" / "target.npz", Target(torch.ones(1, 2, 24, 3), times))
    (tmp_path / "photo" / "camera.json").write_text(
        json.dumps({"K": [[50, 0, 24], [0, 50, 16], [0, 0, 1]]})
    )
    (tmp_path / "clip").mkdir()
    frames = torch.rand(8, 3, 32, 48, generator=generator)
    write_video(tmp_path / "clip" / "video.mp4", frames, fps=10.0)
    options = {"frames": "2:5", "background_frame": 7}
    (tmp_path / "clip" / "options.json").write_text(json.dumps(options))
    return tmp_path


def test_photos_and_clips_with_and_without_truth(root: Path) -> None:
    photo, clip = read_captured(root / "photo"), read_captured(root / "clip")
    assert photo.target.joints.shape == (1, 2, 24, 3)
    assert photo.camera.focal.tolist() == [50.0, 50.0]
    assert clip.target is None
    np.testing.assert_allclose(clip.exposure.numpy(), [[0.2, 0.5]], atol=1e-6)
    assert [photo.sample_id, clip.sample_id] == ["photo", "clip"]


def test_what_cannot_be_read_says_why(root: Path) -> None:
    broken, clip, photo = [
        sample
        for batch in CapturedFolderDataModule(str(root)).test_dataloader()
        for sample in batch
    ]
    assert isinstance(broken, BrokenSample)
    assert "holds no background" in broken.reason
    assert (clip.sample_id, photo.sample_id) == ("clip", "photo")
    (root / "clip" / "options.json").write_text('{"frames": 4}')
    with pytest.raises(InputError, match="which frames to average"):
        read_captured(root / "clip")
    (root / "empty").mkdir()
    with pytest.raises(InputError, match=r"one image\.\* .* or one video"):
        read_captured(root / "empty")
    with pytest.raises(InputError, match="no folders of photos"):
        CapturedFolderDataModule(str(root / "empty")).test_dataloader()


def test_names_in_capital_letters_as_cameras_write_them(root: Path) -> None:
    before = read_captured(root / "photo")
    (root / "photo" / "image.png").rename(root / "photo" / "IMAGE.PNG")
    (root / "photo" / "background.png").rename(root / "photo" / "background.PNG")
    assert torch.equal(read_captured(root / "photo").blurry, before.blurry)
    (root / "clip" / "video.mp4").rename(root / "clip" / "video.MP4")
    assert read_captured(root / "clip").sample_id == "clip"


def test_two_files_for_one_thing_are_refused(root: Path) -> None:
    for folder, first, second in (
        ("photo", "image.png", "image.JPG"),
        ("photo", "background.png", "background.tiff"),
        ("clip", "video.mp4", "video.mov"),
    ):
        (root / folder / second).write_bytes((root / folder / first).read_bytes())
        with pytest.raises(InputError, match=r"holds .* and .*: leave the one that is meant"):
            read_captured(root / folder)
        (root / folder / second).unlink()
