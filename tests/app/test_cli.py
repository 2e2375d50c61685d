"""The command line from end to end, and one clear line for every kind of bad input."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from photo_files import QUICK, write_photo
from PIL import Image
from started_samples import with_start

from datamodules import captured, synthetic
from hfb.assets import find_asset
from hfb.errors import AssetNotFoundError
from hfb.export import read_motion, write_image
from hfb.init import write_estimate
from hfb.structures import BlurSample, BodyIdentity
from run_hfb import main


@pytest.fixture(scope="session")
def example() -> BlurSample:
    return synthetic.embedded_example(0)


@pytest.fixture(scope="session")
def photo(example: BlurSample, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The example as files: photo, background, matte, estimate."""
    folder = tmp_path_factory.mktemp("photo")
    files = write_photo(example, folder) | {
        name: folder / f"{name}.png" for name in ("small", "black")
    }
    write_image(files["small"], example.blurry[0][:, :99, :88])
    write_image(files["black"], torch.zeros_like(example.background))
    return files


def first_row(out: Path) -> dict[str, str]:
    with (out / "per_sample.csv").open(newline="") as table:
        return next(csv.DictReader(table))


@pytest.fixture
def run(photo: dict[str, Path], tmp_path: Path) -> Callable[..., Path]:
    """Runs `predict` with the photo's files, some of them replaced; returns the output folder."""

    def predict(*extra: str, **replaced: Path | str | None) -> Path:
        chosen = {name: photo[name] for name in ("image", "background", "alpha", "estimate")}
        chosen |= replaced
        options = [f"--data.{name}={path}" for name, path in chosen.items() if path is not None]
        main(["predict", *options, *QUICK, "--output", str(tmp_path / "out"), *extra])
        return tmp_path / "out"

    return predict


def test_a_photo_goes_in_and_all_files_come_out(
    run: Callable[..., Path], capsys: pytest.CaptureFixture
) -> None:
    out = run("--model.image_every=1")
    assert "% that the mean joint error is below 150 mm; expected error" in capsys.readouterr().err
    sample = out / "samples" / "image"
    names = {path.name for path in sample.iterdir()}
    assert names == {
        "comparison.png",
        "mesh.glb",
        "motion.bvh",
        "motion.npz",
        "motion_reversed.npz",
        "page.json",
        "subframes.mp4",
        "sureness.json",
        "texture.png",
    }
    assert "image_size: 64" in (out / "config.yaml").read_text()
    assert len(list((out / "tensorboard").iterdir())) == 1
    assert (out / "report.html").stat().st_size > 100_000
    row = first_row(out)
    assert row["sample_id"] == "image"
    assert float(row["reblur_psnr_db"]) > 5.0
    assert row["mpjpe_mm"] == ""  # no truth comes with a photo
    assert 0.0 < float(row["sure"]) < 1.0
    motion, backwards = (
        read_motion(sample / "motion.npz"),
        read_motion(sample / "motion_reversed.npz"),
    )
    torch.testing.assert_close(motion.transl.flip(0), backwards.transl, atol=1e-5, rtol=1e-4)


def test_files_are_written_as_wanted(run: Callable[..., Path]) -> None:
    out = run("--model.report.page=false", "--model.report.morph_targets=true")
    kept = {path.name for path in (out / "samples" / "image").iterdir()}
    assert "mesh_morph.glb" in kept
    assert "page.json" not in kept
    assert not (out / "report.html").exists()


@pytest.mark.parametrize("name", ["run_hfb", "paper"])
def test_every_config_runs(run: Callable[..., Path], repo: Path, name: str) -> None:
    config = repo / "lightning_configs" / f"{name}.yaml"
    out = run("--config", str(config), *QUICK)
    assert (out / "per_sample.csv").is_file()


def test_a_fit_that_explains_nothing_says_so_and_keeps_its_files(
    run: Callable[..., Path], example: BlurSample, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    start = with_start(example).estimate
    aside = replace(start, transl=start.transl + torch.tensor([8.0, 0.0, 0.0]))
    write_estimate(tmp_path / "aside.hfbinit.npz", aside)
    with pytest.raises(SystemExit) as stop:
        run(estimate=tmp_path / "aside.hfbinit.npz")
    assert stop.value.code == 3
    out = tmp_path / "out"
    codes = first_row(out)["warnings"].split()
    assert codes[:2] == ["outside_picture", "matte_not_covered"]
    assert "start_outside_picture" in codes
    assert (out / "samples" / "image" / "motion.npz").is_file()
    said = capsys.readouterr()
    assert "warning: the body lies outside the photo" in said.out + said.err


def test_no_event_files_where_the_log_is_turned_off(run: Callable[..., Path]) -> None:
    assert not (run("--trainer.logger=false") / "tensorboard").exists()


def test_truth_gives_errors_before_and_after(
    example: BlurSample, photo: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = example.with_changes(estimate=with_start(example).estimate)
    monkeypatch.setattr(captured, "built_in_example", lambda seed: started)
    main(["predict", *QUICK, "--output", str(tmp_path / "out")])
    row = first_row(tmp_path / "out")
    assert 0.0 < float(row["init_mid_exposure_mpjpe_mm"]) < 60.0
    assert float(row["mpjpe_best_direction_mm"]) <= float(row["mpjpe_mm"]) + 1e-6
    assert 0.3 < float(row["iou"]) <= 1.0


@pytest.mark.slow
def test_example_with_the_real_start_improves(tmp_path: Path) -> None:
    try:
        find_asset("pose_landmark_heavy.tflite")
    except AssetNotFoundError as error:
        pytest.skip(f"the landmark models are neither cached nor to be had: {error}")
    main(["predict", "--output", str(tmp_path / "out"), "--model.show_progress=false"])
    row = first_row(tmp_path / "out")
    before = float(row["init_mpjpe_best_direction_mm"])
    assert float(row["mpjpe_best_direction_mm"]) <= 0.8 * before
    assert float(row["iou_best_direction"]) >= 0.85


def fails(run: Callable[..., Path], capsys: pytest.CaptureFixture, tmp_path: Path, **bad) -> str:
    """Runs with bad input; checks exit code, that nothing was written, and returns the line."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        run(**bad)
    assert stop.value.code == 2
    assert not (tmp_path / "out").exists()
    lines = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    return lines[0]


def test_bad_images(
    run: Callable[..., Path],
    photo: dict[str, Path],
    capsys: pytest.CaptureFixture,
    tmp_path: Path,
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(photo["image"].read_bytes()[:200])
    cases = {
        "no": {"image": tmp_path / "nowhere.png"},
        "broken.png": {"image": broken},
        "88 x 99": {"background": photo["small"]},
        "identical": {"background": photo["image"]},
        "alpha": {"alpha": photo["small"]},
    }
    for expected, bad in cases.items():
        assert expected in fails(run, capsys, tmp_path, **bad)


def test_empty_matte_is_no_person(
    run: Callable[..., Path],
    photo: dict[str, Path],
    capsys: pytest.CaptureFixture,
    tmp_path: Path,
) -> None:
    assert "alpha" in fails(run, capsys, tmp_path, alpha=photo["black"])


def test_nan_image(run: Callable[..., Path], capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    path = tmp_path / "nan.tiff"
    Image.fromarray(np.full((480, 400), np.nan, np.float32)).save(path)
    assert "nan.tiff" in fails(run, capsys, tmp_path, image=path)


def test_nobody_in_the_image(
    run: Callable[..., Path],
    example: BlurSample,
    capsys: pytest.CaptureFixture,
    tmp_path: Path,
) -> None:
    path = tmp_path / "noisy.png"
    noise = torch.randn(example.background.shape, generator=torch.Generator().manual_seed(0))
    write_image(path, (example.background + 0.004 * noise).clamp(0, 1))
    message = fails(run, capsys, tmp_path, image=path, alpha=None, estimate=None)
    assert "no person" in message


def test_bad_estimates(
    run: Callable[..., Path],
    example: BlurSample,
    photo: dict[str, Path],
    capsys: pytest.CaptureFixture,
    tmp_path: Path,
) -> None:
    other = tmp_path / "other.hfbinit.npz"
    foreign = {"body": BodyIdentity("smpl_neutral", "00ff"), "betas": torch.ones(1, 10)}
    write_estimate(other, replace(with_start(example).estimate, **foreign))
    corrupt = tmp_path / "corrupt.npz"
    corrupt.write_bytes(photo["estimate"].read_bytes()[:300])
    pickled = tmp_path / "pickled.npz"
    np.savez(pickled, poses=np.array([{"a": 1}], dtype=object))
    assert "smpl_neutral" in fails(run, capsys, tmp_path, estimate=other)
    assert "corrupt.npz" in fails(run, capsys, tmp_path, estimate=corrupt)
    assert "pickled.npz" in fails(run, capsys, tmp_path, estimate=pickled)


def test_bad_body_model(
    run: Callable[..., Path], capsys: pytest.CaptureFixture, tmp_path: Path
) -> None:
    path = tmp_path / "body.npz"
    np.savez(path, v_template=np.zeros((4, 3)))
    for name, expected in ((path, "body.npz"), (tmp_path / "none.pkl", "none.pkl")):
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            run(f"--model.body={name}")
        assert stop.value.code == 2
        error = capsys.readouterr().err
        assert expected in error
        assert "Traceback" not in error
        assert not (tmp_path / "out").exists()


def test_too_little_memory(
    run: Callable[..., Path],
    capsys: pytest.CaptureFixture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hfb.files.memory.available_memory", lambda: 1_000_000)
    assert "memory" in fails(run, capsys, tmp_path)


def test_bad_camera(run: Callable[..., Path], capsys: pytest.CaptureFixture, tmp_path: Path):
    path = tmp_path / "K.json"
    path.write_text(json.dumps({"K": [[1, 2], [3, 4]]}))
    assert "K.json" in fails(run, capsys, tmp_path, camera=path)


def test_missing_models(
    run: Callable[..., Path],
    capsys: pytest.CaptureFixture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HFB_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    monkeypatch.delenv("HFB_ASSETS", raising=False)
    message = fails(run, capsys, tmp_path, estimate=None)
    assert "python -m hfb.assets fetch" in message
