"""A photo of two people through the command line: numbered, each fitted, all on one page."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from photo_files import QUICK
from two_people import SMALL, TwoPeople, two_people

import run_hfb
from hfb.evaluate.records import read_csv
from hfb.export import write_image
from hfb.files.images import read_image


@pytest.fixture(scope="module")
def made() -> TwoPeople:
    return two_people((-0.2, 0.22), (1, 6), replace(SMALL, num_frames=2), "two")


@pytest.fixture(scope="module")
def photo(made: TwoPeople, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What `predict` is told about it."""
    folder = tmp_path_factory.mktemp("photo")
    write_image(folder / "two.png", made.sample.blurry[0])
    write_image(folder / "bg.png", made.sample.background)
    return [f"--data.image={folder / 'two.png'}", f"--data.background={folder / 'bg.png'}"]


def predict(photo: list[str], *options: str) -> None:
    run_hfb.main(["predict", *photo, *QUICK, "--trainer.logger=false", *options])


def test_each_is_fitted_and_shown(photo: list[str], tmp_path: Path, capsys) -> None:
    output = tmp_path / "out"
    predict(photo, "--data.person=all", f"--output={output}")
    names = ["two_person1", "two_person2"]
    assert [row["sample_id"] for row in read_csv(output / "per_sample.csv")] == names
    said = capsys.readouterr().err
    assert "2 people, numbered by how much of the picture moves with them: 1 (" in said
    cards = [json.loads((output / "samples" / n / "page.json").read_text()) for n in names]
    for number, (name, card) in enumerate(zip(names, cards, strict=True), 1):
        picture = read_image(output / "samples" / name / "people.png")
        assert picture.shape == (3, SMALL.height, SMALL.width)
        assert (card["people"]["number"], card["people"]["count"]) == (number, 2)
        assert "people.png" in card["files"]
    # Two different people: their joints lie on either side of the picture.
    middles = [sum(p["box"][0] + p["box"][2] / 2 for p in c["photos"]) for c in cards]
    assert abs(middles[0] - middles[1]) > SMALL.width / 5
    page = (output / "report.html").read_text()
    assert all(name in page for name in names)


def test_somebody_who_is_not_there_is_one_line(photo: list[str], tmp_path: Path, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        predict(photo, "--data.person=3", f"--output={tmp_path / 'out'}")
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert "person 3 was asked for (--data.person), but 2 people were found: 1 (" in error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()


def test_another_persons_pixels_enter_neither_matte_nor_comparison(made: TwoPeople) -> None:
    from hfb.app.configured import configured_model
    from hfb.init.people.taking import people_samples
    from hfb.refine.problem import build_problem

    pipeline = configured_model(None, {"show_progress": False}).pipeline()
    for sample in people_samples(made.sample, "all", "two.png"):
        started = pipeline.initialise(sample).photos[0]
        hit = [float((started.alpha * alpha[0]).sum() / alpha[0].sum()) for alpha in made.alphas]
        assert max(hit) > 0.8
        assert min(hit) < 0.02
        problem = build_problem(started.sample, started.estimate, started.alpha, 96, 0.25)
        difference = (problem.image - problem.background).abs().amax(1, keepdim=True)
        strange = (difference > 0.1) & (problem.alpha < 0.02) & (problem.valid > 0.5)
        assert float(strange.float().mean()) < 0.01
        assert torch.isfinite(problem.image).all()
