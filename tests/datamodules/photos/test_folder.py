"""A folder of photos as samples that are read only if they are still wanted."""

import logging
from pathlib import Path

import pytest
import torch
from videos import HEIGHT, WIDTH, save_image

from datamodules.captured import CapturedDataModule
from datamodules.photos import several
from datamodules.photos.folder import PhotoFolder, UnreadPhoto
from hfb.errors import InputError
from hfb.structures import BlurSample


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two photos, one with a background of its own, and one background for all."""
    for name, level in (("a", 200), ("b", 90), ("b_background", 30), ("background", 10)):
        save_image(tmp_path / f"{name}.png", level)
    return tmp_path


def one(photos: Path, name: str, region: object = None) -> UnreadPhoto:
    (found,) = (p for p in PhotoFolder(photos, {}, region) if p.sample_id == name)
    return found


def test_they_are_read_as_single_photos_are(photos: Path) -> None:
    first, second = PhotoFolder(photos, {})
    assert first.names == second.names == ("a", "b")
    sample = second.read()
    assert sample.sample_id == "b"
    assert sample.source == str(photos / "b.png")
    torch.testing.assert_close(sample.background[0], torch.full((HEIGHT, WIDTH), 30 / 255))


def test_the_checksum_tells_every_change_and_nothing_else(photos: Path) -> None:
    before = {name: one(photos, name).digest() for name in ("a", "b")}
    save_image(photos / "background.png", 11)
    (photos / "a.jpg.txt").touch()
    assert one(photos, "a").digest() != before["a"]
    assert one(photos, "b").digest() == before["b"]
    assert one(photos, "b", (0, 0, 9, 9)).digest() != before["b"]
    (photos / "b.hfbinit.npz").touch()
    assert one(photos, "b").digest() != before["b"]


def test_a_region_is_looked_at_alone(photos: Path) -> None:
    (photos / "regions.csv").write_text(f"file,x0,y0,x1,y1\nb,0,0,9,{HEIGHT}\n")
    sample = one(photos, "b", str(photos / "regions.csv")).read()
    assert float(sample.blurry[0, 0, 0, 0]) == pytest.approx(90 / 255)
    difference = (sample.blurry - sample.background)[..., 9:].abs().max()
    assert float(difference) <= 3 * 60 / 255
    assert one(photos, "a", str(photos / "regions.csv")).region is None


def test_one_of_several_people_is_taken_in_each_photo(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def people_samples(sample: BlurSample, choice: object, name: str) -> list[BlurSample]:
        asked.append((Path(name).name, choice))
        return [sample]

    monkeypatch.setattr(several, "people_samples", people_samples)
    data = CapturedDataModule(folder=str(photos), person=2)
    data.setup("predict")
    assert [photo.read().sample_id for photo in data.samples] == ["a", "b"]
    assert asked == [("a.png", 2), ("b.png", 2)]
    assert data.samples[1].digest() != one(photos, "b").digest()


def test_faults_of_names_are_those_of_their_photo(photos: Path) -> None:
    save_image(photos / "b_bg.png", 1)
    with pytest.raises(InputError, match="leave the one that is meant"):
        one(photos, "b").digest()
    assert one(photos, "a").digest()


def test_what_is_missing_or_left_out_is_said(
    photos: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (photos / "background.png").unlink()
    save_image(photos / "gone_bg.png", 1)
    (photos / "clip.mov").touch()
    for k in range(4):
        save_image(photos / f"x{k}.png", 1)
    with caplog.at_level(logging.WARNING, "hfb"):
        PhotoFolder(photos, {})
    bare, strays, clips = caplog.messages
    assert bare.startswith("photos without a background")
    assert bare.endswith("a.png, x0.png, x1.png, and 2 more")
    assert strays.endswith("gone_bg.png")
    assert clips.endswith("clip.mov")


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"image": "a.png"}, "give one of image, video and folder, not image and folder"),
        ({"alpha": "a.png"}, "alpha given, which belong to one photo"),
        ({"estimate": "a.npz"}, "estimate given, which belong to one photo"),
        ({"frames": "0:4"}, "frames given, which belong to a video"),
        ({"example_seed": 2}, "example_seed given"),
        ({"person": "all"}, "person=all given, which has one result a photo"),
        ({"person": 2, "region": (0, 0, 9, 9)}, "region given, which says who is meant"),
        ({"batch_size": 0}, "data.batch_size must be"),
        ({"background": "gone.png"}, "cannot read the background of all photos gone.png"),
        ({"region": "gone.csv"}, "the table of regions gone.csv cannot be read"),
    ],
)
def test_options_that_do_not_fit_a_folder_are_refused(
    photos: Path, options: dict, part: str
) -> None:
    with pytest.raises(InputError, match=part):
        CapturedDataModule(folder=str(photos), **options).setup("predict")


@pytest.mark.parametrize("options", [{"batch_size": 2}, {"region": "table.csv"}])
def test_options_of_folders_are_refused_without_one(photos: Path, options: dict) -> None:
    with pytest.raises(InputError, match="which is for folders"):
        CapturedDataModule(image=str(photos / "a.png"), **options)
