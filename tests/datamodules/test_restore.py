"""The command that writes restored sub-frames."""

import shutil

import pytest
import torch

from datamodules.blur_folder import read_sample, write_sample
from datamodules.restore import main
from hfb.baselines import list_subframes, read_subframe
from hfb.structures import BlurSample

SIZE = 48


@pytest.fixture
def data(tmp_path, generator):
    """Two photos of a white disc before noise."""
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    alpha = torch.stack(
        [
            torch.stack(
                [((x - 18 - 4 * k - s) ** 2 + (y - 24) ** 2 < 81).float() for s in range(4)]
            ).mean(0)
            for k in range(2)
        ]
    )[:, None]
    wall = 0.6 * torch.rand(3, SIZE, SIZE, generator=generator)
    sample = BlurSample(
        "disc",
        alpha + (1 - alpha) * wall,
        wall,
        alpha=alpha,
        exposure=torch.tensor([[0.0, 0.1], [0.1, 0.2]]),
    )
    write_sample(tmp_path / "data" / "disc", sample, None)
    return tmp_path / "data"


@pytest.fixture(autouse=True)
def _no_arguments_of_pytest(monkeypatch):
    monkeypatch.setattr("sys.argv", ["restore"])


def test_subframes_of_every_photo(data, tmp_path, capsys):
    out = tmp_path / "out"
    args = [f"--data={data}", f"--output={out}", "--settings.num_subframes=3"]
    main(args)
    assert "disc: 6 sub-frames" in capsys.readouterr().out
    paths = list_subframes(out / "disc", 2)
    assert [len(photo) for photo in paths] == [3, 3]
    sample = read_sample(data / "disc")
    for photo, frames in zip(sample.blurry, paths, strict=True):
        image = read_subframe(frames[1], SIZE, SIZE)
        assert torch.allclose(image[:, :8], photo[:, :8], atol=0.01)  # the wall stays
        assert image[:, 24, 22].min() > 0.8  # the disc is white
    stamp = paths[0][0].stat().st_mtime_ns
    main(args)
    assert paths[0][0].stat().st_mtime_ns == stamp


def test_a_broken_sample_is_named_and_the_others_are_made(data, tmp_path, capsys):
    broken = shutil.copytree(data / "disc", data / "broken")
    (broken / "background.png").unlink()
    with pytest.raises(SystemExit) as stop:
        main([f"--data={data}", f"--output={tmp_path / 'out'}", "--settings.num_subframes=1"])
    assert stop.value.code == 3
    said = " ".join(capsys.readouterr().out.split())
    assert "1/2 broken: not restored:" in said
    assert "background.png" in said
    assert not (tmp_path / "out" / "broken").exists()
    assert (tmp_path / "out" / "disc" / "001_000.png").is_file()


@pytest.mark.parametrize("extra", [[], ["--settings.tile=2"]])
def test_mistakes_are_one_line(tmp_path, capsys, extra):
    with pytest.raises(SystemExit) as stop:
        main([f"--data={tmp_path / 'nowhere'}", f"--output={tmp_path / 'out'}", *extra])
    assert stop.value.code == 2
    assert "Traceback" not in capsys.readouterr().err
