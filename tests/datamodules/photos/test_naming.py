"""Which files of a folder belong to which photo."""

from pathlib import Path

import pytest

from datamodules.photos.naming import find_photos
from hfb.errors import InputError


def folder_with(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def found(root: Path, **for_all: Path) -> dict[str, dict[str, str]]:
    """Of each photo what belongs to it, by their places in the folder."""
    return {
        photo.sample_id: {
            kind: path.relative_to(root).as_posix() for kind, path in photo.beside.items()
        }
        for photo in find_photos(root, for_all).photos
    }


@pytest.mark.parametrize(
    "name",
    [
        "kid_background.png",
        "kid.background.jpeg",
        "kid-background.TIFF",
        "kid_bg.png",
        "kid.bg.webp",
        "KID_Background.PNG",
        "backgrounds/kid.jpg",
    ],
)
def test_a_background_is_named_after_its_photo(tmp_path: Path, name: str) -> None:
    folder_with(tmp_path, "kid.jpg", "other.jpg", name)
    assert found(tmp_path) == {"kid": {"background": name}, "other": {}}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("kid_alpha.png", "alpha"),
        ("alphas/kid.png", "alpha"),
        ("kid.camera.json", "camera"),
        ("cameras/kid.json", "camera"),
        ("kid.hfbinit.npz", "estimate"),
        ("estimates/kid.hfbinit.npz", "estimate"),
        ("estimates/kid.npz", "estimate"),
    ],
)
def test_so_is_everything_else(tmp_path: Path, name: str, kind: str) -> None:
    folder_with(tmp_path, "kid.jpg", "other.jpg", name)
    assert found(tmp_path) == {"kid": {kind: name}, "other": {}}


def test_what_is_for_all_comes_last(tmp_path: Path) -> None:
    folder_with(tmp_path, "a.jpg", "b.jpg", "c.jpg", "b_bg.png", "backgrounds/c.png")
    folder_with(tmp_path, "background.png", "camera.json")
    backgrounds = {name: own["background"] for name, own in found(tmp_path).items()}
    assert backgrounds == {"a": "background.png", "b": "b_bg.png", "c": "backgrounds/c.png"}
    assert {own["camera"] for own in found(tmp_path).values()} == {"camera.json"}


def test_the_option_comes_before_the_folders_own_for_all(tmp_path: Path) -> None:
    """The scene may lie in the folder under any name: it is no photo then."""
    folder_with(tmp_path, "a.jpg", "b.jpg", "b_bg.png", "background.png", "empty.png")
    own = found(tmp_path, background=tmp_path / "empty.png")
    assert own == {"a": {"background": "empty.png"}, "b": {"background": "b_bg.png"}}


def test_what_is_no_photo_is_left_out(tmp_path: Path) -> None:
    folder_with(tmp_path, "a.jpg", "notes.txt", ".hidden.jpg", "._a.jpg", "clip.mp4", "below/x.jpg")
    folder_with(tmp_path, "gone_background.png")
    content = find_photos(tmp_path, {})
    assert [photo.image.name for photo in content.photos] == ["a.jpg"]
    assert [path.name for path in content.strays] == ["gone_background.png"]
    assert [path.name for path in content.clips] == ["clip.mp4"]


def test_two_files_that_claim_to_be_the_same_are_that_photos_fault(tmp_path: Path) -> None:
    folder_with(tmp_path, "a.jpg", "a_bg.png", "a.background.png", "b.jpg", "b_bg.png")
    one, two = find_photos(tmp_path, {}).photos
    assert "holds a_bg.png and a.background.png" in one.fault or "a.background.png" in one.fault
    assert "leave the one that is meant" in one.fault
    assert not two.fault


def test_photos_that_differ_in_their_endings_keep_them(tmp_path: Path) -> None:
    folder_with(tmp_path, "a.jpg", "a.dng", "b.jpg", "a_bg.png")
    assert found(tmp_path) == {
        "a.dng": {"background": "a_bg.png"},
        "a.jpg": {"background": "a_bg.png"},
        "b": {},
    }


@pytest.mark.parametrize("names", [(), ("notes.txt", "background.png", "below/a.jpg")])
def test_a_folder_without_photos_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match=r"no photos in .*looked for \.png"):
        find_photos(folder_with(tmp_path, *names), {})


def test_so_is_one_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file or directory"):
        find_photos(tmp_path / "gone", {})
