"""What callers give to `hfb.fit`: as a sample, or one error that says what to give instead."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import hfb
from hfb.app.given import image_of, sample_of
from hfb.errors import InputError
from hfb.files.images import read_image
from hfb.formation import linear_to_srgb
from hfb.structures import BlurSample

HEIGHT, WIDTH = 6, 5
PHOTO = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8)
SCENE = PHOTO.copy()
SCENE[2:4] //= 2
MATTE = np.pad(np.full((HEIGHT - 2, WIDTH - 2), 0.9), 1)  # leaves the edge free
MATRIX = [[50.0, 0.0, 2.5], [0.0, 60.0, 3.0], [0.0, 0.0, 1.0]]


def refused(**given: Any) -> str:
    """The one line that is said about it."""
    with pytest.raises(InputError) as error:
        sample_of(**({"photo": PHOTO, "background": SCENE} | given))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_sample_holds_what_was_given() -> None:
    sample = sample_of(
        [PHOTO, SCENE[::-1].copy()], SCENE, MATRIX, [MATTE, MATTE[..., None]], "a.npz"
    )
    assert sample.blurry.shape == (2, 3, HEIGHT, WIDTH)
    torch.testing.assert_close(sample.blurry[0], torch.from_numpy(PHOTO).permute(2, 0, 1) / 255)
    assert sample.alpha.shape == (2, 1, HEIGHT, WIDTH)
    assert sample.camera.focal.tolist() == [50.0, 60.0]
    assert sample.camera.principal_point.tolist() == [2.5, 3.0]
    assert sample.estimate_path == "a.npz"
    assert sample.exposure.shape == (2, 2)
    assert bool((sample.exposure[1] > sample.exposure[0]).all())


def test_a_camera_in_memory_or_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "K.json").write_text(str(MATRIX))
    camera = hfb.Camera(torch.tensor([50.0, 60.0]), torch.tensor([2.5, 3.0]), HEIGHT, WIDTH)
    for given in (tmp_path / "K.json", np.array(MATRIX), torch.tensor(MATRIX), camera):
        found = sample_of(PHOTO, SCENE, camera=given).camera
        assert torch.equal(found.focal, camera.focal)
        assert torch.equal(found.principal_point, camera.principal_point)


@pytest.mark.parametrize(
    "given",
    [
        PHOTO.astype(np.uint16) * 257,
        PHOTO / 255.0,
        (PHOTO / 255.0).astype(np.float16),
        torch.from_numpy(PHOTO).permute(2, 0, 1),
        (torch.from_numpy(PHOTO).permute(2, 0, 1) / 255).double().requires_grad_(),
        Image.fromarray(PHOTO),
        Image.fromarray(PHOTO).convert("RGBA"),
        PHOTO[::-1][::-1],
    ],
)
def test_images_of_every_kind(given: Any) -> None:
    expected = torch.from_numpy(PHOTO).permute(2, 0, 1) / 255
    torch.testing.assert_close(image_of(given, "photo"), expected, atol=1e-3, rtol=0)


def test_grey_becomes_rgb() -> None:
    grey = image_of(PHOTO[..., 0], "photo")
    for channel in grey:
        torch.testing.assert_close(channel, torch.from_numpy(PHOTO[..., 0]) / 255)


def test_an_image_is_turned_as_its_camera_was_held(tmp_path: Path) -> None:
    image = Image.fromarray(PHOTO)
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.png", exif=exif)
    with Image.open(tmp_path / "turned.png") as opened:
        turned = image_of(opened, "photo")
    assert turned.shape == (3, WIDTH, HEIGHT)
    assert torch.equal(turned, read_image(tmp_path / "turned.png"))


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_deep_images_of_pillow(tmp_path: Path, dtype: type) -> None:
    grey = PHOTO[..., 0] / 255.0 if dtype is np.float32 else PHOTO[..., 0].astype(dtype) * 257
    image = Image.fromarray(grey.astype(dtype))
    image.save(tmp_path / "deep.tiff")
    torch.testing.assert_close(image_of(image, "photo"), read_image(tmp_path / "deep.tiff"))


@pytest.mark.parametrize(
    ("photo", "message"),
    [
        (PHOTO.astype(np.int32), "photo 0 holds int32: give uint8, uint16, or floats in [0, 1]"),
        (PHOTO.astype(np.int8), "photo 0 holds int8: give uint8"),
        (PHOTO.astype(object), "photo 0 holds object: give uint8"),
        (torch.from_numpy(PHOTO).int().permute(2, 0, 1), "photo 0 holds int32: give uint8"),
        (np.full(PHOTO.shape, np.nan), "photo 0 holds values outside [0, 1], NaN or infinity"),
        (PHOTO.astype(np.float32), "photo 0 holds values outside [0, 1], NaN or infinity"),
        (PHOTO.transpose(2, 0, 1), "(3, 6, 5): give (H, W, 3) as a numpy array, (3, H, W) as a"),
        (torch.from_numpy(PHOTO), "(6, 5, 3): give (H, W, 3) as a numpy array, (3, H, W) as a"),
        (PHOTO[None], "photo 0 has shape (1, 6, 5, 3): give (H, W, 3)"),
        (np.dstack([PHOTO, PHOTO[..., :1]]), "photo 0 has shape (6, 5, 4): give (H, W, 3)"),
        (PHOTO[:4], "photo 0 is 5 x 4 px, but background is 5 x 6 px"),
        (SCENE, "identical: nobody can be told from the background; give an image of the scene"),
        (None, "photo 0 is a NoneType: give a path, a numpy array, a tensor or a PIL image"),
        ([PHOTO, 3], "photo 1 is a int: give a path, a numpy array, a tensor or a PIL image"),
        ([], "no photo was given"),
        ("nowhere.png", "cannot read the image nowhere.png: no such file"),
    ],
)
def test_photos_that_cannot_be_used(photo: Any, message: str) -> None:
    assert message in refused(photo=photo)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"photo": [PHOTO, SCENE], "background": None}, "2 photos need a background: an image of"),
        ({"background": [SCENE]}, "the background is a list: give a path, a numpy array, a tensor"),
        ({"alpha": MATTE[:3]}, "the matte has shape (3, 5), but the photo is 6 x 5 px"),
        ({"alpha": np.dstack([MATTE] * 3)}, "the matte has shape (6, 5, 3), but the photo is"),
        ({"alpha": 0.0 * MATTE}, "the matte is empty: no pixel is covered by the person"),
        ({"alpha": np.nan * MATTE}, "the matte holds values outside [0, 1], NaN or infinity"),
        ({"alpha": [MATTE, MATTE]}, "1 photos, but 2 mattes"),
        ({"alpha": "nowhere.png"}, "cannot read the alpha matte nowhere.png: no such file"),
        ({"camera": 5.0}, "camera: K has the shape (); expected [[fx, 0, cx]"),
        (
            {"camera": np.diag([-1, -1, 1]) @ MATRIX},
            "px are not positive; expected [[fx, 0, cx], [0, fy, cy]",
        ),
        ({"camera": np.array(MATRIX).T}, "it is transposed"),
        ({"camera": "K"}, "cannot read the camera file K: no such file"),
        ({"camera": "nowhere.json"}, "cannot read the camera file nowhere.json: no such file"),
    ],
)
def test_what_belongs_to_a_photo_and_cannot_be_used(given: dict[str, Any], message: str) -> None:
    assert message in refused(**given)


@pytest.mark.parametrize(
    "given",
    [
        {"photo": PHOTO[:0], "background": SCENE[:0]},
        {"camera": [[1.0, 2.0], [3.0]]},
        {"camera": [["a", "b", "c"]] * 3},
        {"camera": np.array(MATRIX) * [[1, 1, np.nan], [1, 1, 1], [1, 1, 1]]},
        {"camera": np.array(MATRIX) * [[np.inf, 1, 1], [1, 1, 1], [1, 1, 1]]},
        {"camera": hfb.Camera(torch.tensor([50.0, 60.0]), torch.tensor([2.5, 3.0]), 9, 9)},
    ],
)
def test_empty_photos_and_odd_cameras_are_refused(given: dict[str, Any]) -> None:
    refused(**given)


def test_a_background_of_another_exposure_is_matched(caplog: pytest.LogCaptureFixture) -> None:
    wall = 0.05 + 0.4 * torch.rand(3, 40, 60, generator=torch.Generator().manual_seed(0))
    photo = wall.clone()
    photo[:, 5:25, 10:20] = 0.6
    photo, darker, wall = (linear_to_srgb(light) for light in (photo, 0.8 * wall, wall))
    for sample in (
        sample_of(photo, darker),
        sample_of(BlurSample("a", photo[None], wall), darker),
    ):
        torch.testing.assert_close(sample.background, wall, atol=2e-3, rtol=0)
    assert caplog.text.count("exposed differently from its background") == 2
