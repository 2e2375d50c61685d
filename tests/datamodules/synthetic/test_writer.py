from pathlib import Path

import pytest

from datamodules.blur_folder import read_sample, write_sample
from datamodules.synthetic import protocol, writer
from datamodules.synthetic.command import main


def test_the_same_recipe_gives_the_same_bytes_and_goes_on(
    mocap: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(protocol, "SUBFRAME_HZ", 60.0)
    options = ["--protocol=bt_amass", f"--mocap={mocap}", "--subjects=all", "--height=96",
               "--width=80", "--table=table1", "--per-bin=[1,0,1,0,0,0,0,0,0,0]"]  # fmt: skip
    for name in ("one", "two"):
        main([*options, "--workers=1", f"--output={tmp_path / name}"])
    files = {p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file()}
    assert {str(p) for p in files if p.parent == Path()} == {
        "contact_sheet_bin0_0.05-0.1.png", "contact_sheet_bin2_0.2-0.3.png", "recipe.json",
    }  # fmt: skip
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    sample = read_sample(tmp_path / "one" / "bt_amass_bin2_000")
    assert 0.2 <= sample.blur_rate < 0.3
    # What a kill in the middle of a sample leaves is made again, the rest is kept.
    (tmp_path / "two" / "bt_amass_bin2_000" / "sample.json").unlink()
    stamp = (tmp_path / "two" / "bt_amass_bin0_000" / "target.npz").stat().st_mtime_ns
    capsys.readouterr()
    main([*options, "--workers=1", f"--output={tmp_path / 'two'}"])
    assert "bin2_000: blur rate" in capsys.readouterr().out
    assert (tmp_path / "two" / "bt_amass_bin0_000" / "target.npz").stat().st_mtime_ns == stamp
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    with pytest.raises(SystemExit):
        main([*options, "--seed=2", f"--output={tmp_path / 'two'}"])
    assert "another recipe (seed: 1 there, 2 wanted)" in capsys.readouterr().err.replace("\n", " ")


def test_a_killed_run_without_bins_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["--height=64", "--width=48", "--num-samples=3", "--seed=2", "--workers=1"]
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    main([*options, f"--output={whole}"])
    started = []

    def killed_in_the_second(folder: Path, *rest: object) -> Path:
        started.append(folder)
        if len(started) == 2:
            (folder / "blurry_000.png").write_bytes(b"half")
            raise KeyboardInterrupt
        return write_sample(folder, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(writer, "write_sample", killed_in_the_second)
        with pytest.raises(SystemExit):
            main([*options, f"--output={stopped}"])
    finished = started[0] / "target.npz"
    stamp = finished.stat().st_mtime_ns
    main([*options, f"--output={stopped}"])
    assert finished.stat().st_mtime_ns == stamp
    files = [{p.relative_to(root) for p in root.rglob("*")} for root in (whole, stopped)]
    assert files[0] == files[1]
    for file in files[0]:
        if (whole / file).is_file():
            assert (whole / file).read_bytes() == (stopped / file).read_bytes(), file


@pytest.mark.slow
def test_workers_write_the_same_bytes(tmp_path: Path) -> None:
    options = ["--height=96", "--width=80", "--num-samples=2"]
    for workers in (1, 2):
        main([*options, f"--workers={workers}", f"--output={tmp_path / str(workers)}"])
    for file in (tmp_path / "1").rglob("*.*"):
        same = tmp_path / "2" / file.relative_to(tmp_path / "1")
        assert file.is_dir() or file.read_bytes() == same.read_bytes()
