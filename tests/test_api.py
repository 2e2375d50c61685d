"""`hfb.fit`: every kind of photo, what can be asked of a fit, and the same as the command line."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from evaluation_runs import rows_of, small_samples
from photo_files import QUICK, SETTINGS, write_photo
from PIL import Image

import hfb
from hfb.errors import InputError
from hfb.export import read_motion
from hfb.geometry import MODEL_TO_CAMERA, rotvec_to_rotmat
from hfb.init import Initialiser
from hfb.structures import BodyParams, InitialEstimate
from run_hfb import main

PARTS = ("background", "alpha", "estimate")
TIMES = [0.0, 0.3, 1.0]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small photo with background, matte and starting pose."""
    return write_photo(small_samples(["photo"])[0], tmp_path_factory.mktemp("photo"))


def fit(files: dict[str, Path], photo: Any = None, **changes: Any) -> hfb.Fit:
    """Fit in a few steps, with some arguments replaced."""
    given = {part: files[part] for part in PARTS} | SETTINGS | {"show_progress": False}
    return hfb.fit(files["image"] if photo is None else photo, **(given | changes))


@pytest.fixture(scope="module")
def fitted(files: dict[str, Path]) -> hfb.Fit:
    return fit(files)


class Still(Initialiser):
    """A starting pose of one's own: upright, a few metres away."""

    def __call__(self, image, background, camera, body):
        pose = torch.eye(3).repeat(1, 24, 1, 1)
        pose[:, 0] = MODEL_TO_CAMERA
        place = torch.tensor([[0.0, 0.2, 6.0]])
        return InitialEstimate(
            torch.zeros(1, 10), pose, place, camera, torch.ones(1), body.identity, "mine"
        )


def test_a_fit_tells_what_is_wrong_with_it(fitted: hfb.Fit, files: dict[str, Path]) -> None:
    assert all("outside_picture" not in warning for warning in fitted.warnings)
    start = fitted.result.item.estimate
    aside = replace(start, transl=start.transl + torch.tensor([40.0, 0.0, 0.0]))
    assert fit(files, estimate=aside).warnings[0].endswith("[outside_picture]")


def test_a_photo_alone_is_fitted_and_says_that_it_is_rougher(files: dict[str, Path]) -> None:
    found = fit(files, background=None)
    assert found.result.item.sample.background_is_made_up
    assert found.warnings[-1].endswith("a network's mask: rougher [no_background]")
    assert found.joints().isfinite().all()


KINDS = {
    "str": str,
    "array": lambda path: np.asarray(Image.open(path)),
    "float array": lambda path: np.asarray(Image.open(path)) / 255.0,
    "tensor": lambda path: torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1) / 255,
    "uint8 tensor": lambda path: torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1),
    "image": Image.open,
}


@pytest.mark.parametrize("kind", KINDS)
def test_paths_arrays_tensors_and_images_give_the_same(
    files: dict[str, Path], fitted: hfb.Fit, kind: str
) -> None:
    made = KINDS[kind]
    alpha = made(files["alpha"])
    if isinstance(alpha, np.ndarray | torch.Tensor):
        alpha = alpha[..., 0] if isinstance(alpha, np.ndarray) else alpha[:1]
    found = fit(files, made(files["image"]), background=made(files["background"]), alpha=alpha)
    torch.testing.assert_close(found.joints(TIMES), fitted.joints(TIMES), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.texture, fitted.texture, atol=1e-4, rtol=0)
    name = found.result.item.sample.sample_id
    assert name == "image" if kind == "str" else name.startswith("photo-")


def test_a_sample_and_an_estimate_in_memory(files: dict[str, Path], fitted: hfb.Fit) -> None:
    sample = fitted.result.item.sample
    plain = SETTINGS | {"show_progress": False}
    torch.testing.assert_close(hfb.fit(sample, **plain).joints(), fitted.joints())
    estimate = fitted.result.item.estimate
    found = fit(files, estimate=estimate)
    torch.testing.assert_close(found.joints(), fitted.joints())


@pytest.mark.parametrize("ask", ["joints", "vertices", "rotations", "places", "render"])
def test_one_time_gives_one_and_several_give_several(fitted: hfb.Fit, ask: str) -> None:
    call, shape = {
        "joints": (fitted.joints, (24, 3)),
        "vertices": (fitted.vertices, (6890, 3)),
        "rotations": (lambda *t: fitted.pose(*t)[0], (24, 3, 3)),
        "places": (lambda *t: fitted.pose(*t)[1], (3,)),
        "render": (fitted.render, (3, 96, 80)),
    }[ask]
    assert call().shape == shape
    assert torch.equal(call(), call(0.5))
    several = call(TIMES)
    assert several.shape == (3, *shape)
    assert not several.requires_grad
    assert not torch.equal(several[0], several[2])
    for times in (torch.tensor(TIMES), tuple(TIMES)):
        assert torch.equal(call(times), several)
    assert call([0.3]).shape == (1, *shape)
    for time in (0.3, torch.tensor(0.3)):
        torch.testing.assert_close(call(time), several[1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("times", [np.array(TIMES), np.float32(0.3), np.array(0.3)])
def test_times_may_be_numpys(fitted: hfb.Fit, times: Any) -> None:
    assert fitted.joints(times).shape == (*times.shape, 24, 3)


def test_a_fit_tells_what_it_found(fitted: hfb.Fit) -> None:
    assert len(fitted) == 1
    assert fitted.betas.shape == (10,)
    assert fitted.texture.shape == (3, 32, 32)
    assert 0.0 <= float(fitted.texture.min()) <= float(fitted.texture.max()) <= 1.0
    assert (fitted.camera.height, fitted.camera.width) == (96, 80)
    assert fitted.body.faces.shape[1] == 3
    assert set(fitted.report) == {"start", "fit"}
    assert fitted.report["fit"]["reblur_psnr_db"] > 10.0
    assert repr(fitted).startswith("Fit('image', 1 photo")
    background = fitted.result.item.sample.background
    image = fitted.render(0.5)
    assert float((image - background).abs().amax(0)[0, 0]) < 1e-3  # nobody in the corner
    assert float((image - background).abs().max()) > 0.1


def test_consecutive_photos(files: dict[str, Path]) -> None:
    photo = np.asarray(Image.open(files["image"]))
    pair, mattes = [photo, photo[:, ::-1].copy()], [files["alpha"]] * 2
    both = fit(files, pair, alpha=mattes, estimate=None, initialiser=Still())
    assert len(both) == 2
    assert both.betas.shape == (10,)
    assert both.joints(TIMES, photo=1).shape == (3, 24, 3)
    assert not torch.equal(both.joints(photo=0), both.joints(photo=1))
    assert torch.equal(both.joints(photo=1), both.joints(photo=-1))
    with pytest.raises(InputError, match="there is no photo 2: there are 2, from 0"):
        both.render(photo=2)


def test_an_initialiser_of_ones_own(files: dict[str, Path]) -> None:
    found = fit(files, estimate=None, initialiser=Still())
    assert float(found.pose()[1][2]) == pytest.approx(6.0, abs=0.1)
    assert found.result.item.estimate.source == "mine"


def test_joints_are_those_of_the_motion_file(fitted: hfb.Fit, tmp_path: Path) -> None:
    motion = read_motion(fitted.save(tmp_path) / "motion.npz")
    opening, closing = motion.exposure[0].double()
    times = (motion.times - opening) / (closing - opening)
    params = BodyParams(motion.betas, rotvec_to_rotmat(motion.pose_rotvec), motion.transl)
    expected = fitted.body.joints(params)
    assert len(times) == SETTINGS["num_subframes"]
    torch.testing.assert_close(fitted.joints(times), expected, atol=1e-4, rtol=0)


def names_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_save_writes_what_predict_writes(
    files: dict[str, Path], fitted: hfb.Fit, tmp_path: Path
) -> None:
    data = [f"--data.{name}={files[name]}" for name in ("image", *PARTS)]
    main(["predict", *data, *QUICK, "--trainer.logger=false", f"--output={tmp_path / 'cli'}"])
    assert fitted.save(tmp_path / "api") == tmp_path / "api" / "samples" / "image"
    assert names_in(tmp_path / "api") == names_in(tmp_path / "cli") - {"config.yaml"}
    rows = [rows_of(tmp_path / name)[0] for name in ("api", "cli")]
    assert [row.pop("seconds") for row in rows]
    assert rows[0] == rows[1]


def test_fits_saved_in_one_folder_all_have_a_row(
    files: dict[str, Path], fitted: hfb.Fit, tmp_path: Path
) -> None:
    other = fit(files, np.asarray(Image.open(files["image"])))
    for one in (fitted, other, fitted):
        one.save(tmp_path)
    names = {"image", other.result.item.sample.sample_id}
    assert names_in(tmp_path) >= {f"samples/{name}" for name in names}
    assert sorted(row["sample_id"] for row in rows_of(tmp_path)) == sorted(names)


@pytest.mark.parametrize("times", [-0.1, 1.001, [0.0, 2.0], float("nan"), [], torch.tensor([1.5])])
def test_times_outside_the_exposure_are_refused(fitted: hfb.Fit, times: Any) -> None:
    for ask in (fitted.joints, fitted.vertices, fitted.pose, fitted.render):
        with pytest.raises(InputError, match=r"times .* must lie in \[0, 1\], from the shutter's"):
            ask(times)


def test_importing_hfb_does_not_wait_for_torch(repo: Path) -> None:
    code = "import sys, hfb; dir(hfb); assert not {'torch', 'numpy', 'scipy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=repo, check=True)


def test_what_is_public_is_there_and_documented(repo: Path) -> None:
    text = (repo / "docs" / "API.md").read_text(encoding="utf-8")
    for name in hfb.__all__:
        assert getattr(hfb, name).__doc__, name
        assert f"`{name}`" in text, name
        assert name in dir(hfb)
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        hfb.fitt  # noqa: B018 - it is the question that fails
