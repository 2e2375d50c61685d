"""The progress display where there is no terminal."""

import doctest
import time
from types import SimpleNamespace

import pytest
import pytorch_lightning as pl
import torch

from hfb.app.clip.estimate import ClipEstimate
from hfb.app.clip.run import ClipProgress
from hfb.app.progress import RunProgress
from hfb.cli import display
from hfb.refine.recipe.settings import RefineSettings
from hfb.structures import BlurSample, ClipPart


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands still unless a test moves it."""
    now = [0.0]
    monkeypatch.setattr(display.time, "monotonic", lambda: now[0])
    return now


def test_a_line_every_ten_seconds_says_how_far_it_is(
    clock: list[float], capsys: pytest.CaptureFixture
) -> None:
    display = RunProgress()
    display.begin("refining", 200)
    for step in range(1, 101):
        clock[0] = 0.3 * step
        display.update(step)
    shown = [line for line in capsys.readouterr().err.splitlines() if "about" in line]
    assert shown == [
        "refining: 34 of 200, about 50 s left",
        "refining: 68 of 200, about 40 s left",
    ]
    display.close()


def test_each_piece_of_work_has_a_time_of_its_own(
    clock: list[float], capsys: pytest.CaptureFixture
) -> None:
    display = RunProgress()
    display.begin("starting pose", 1)
    clock[0] = 50.0
    display.begin("refining", 4)
    clock[0] = 61.0
    display.update(1)
    assert "refining: 1 of 4, about 33 s left" in capsys.readouterr().err
    display.close()


def test_nothing_is_said_where_nothing_is_wanted(
    clock: list[float], capsys: pytest.CaptureFixture
) -> None:
    display = RunProgress(enabled=False)
    display.begin("refining", 4)
    clock[0] = 100.0
    display.update(1)
    display.close()
    assert capsys.readouterr().err == ""


def test_times_are_told_as_people_do() -> None:
    assert doctest.testmod(display).failed == 0


def test_names_are_no_markup(capsys: pytest.CaptureFixture) -> None:
    RunProgress().print("x[/b]y[red]: 3 mm")
    assert "x[/b]y[red]: 3 mm" in capsys.readouterr().err


def test_a_step_that_does_not_get_on_is_alive(
    clock: list[float], capsys: pytest.CaptureFixture
) -> None:
    """The median of a long video, a photo that is searched for a person: nothing counts there."""
    view = RunProgress()
    view.begin("reading")
    clock[0] = 20.0
    deadline = time.time() + 5
    said = ""
    while not said and time.time() < deadline:
        time.sleep(0.05)
        said = capsys.readouterr().err
    view.close()
    assert said == "reading: 20 s so far\n"


def test_what_was_there_already_says_nothing_about_the_rest(
    clock: list[float], capsys: pytest.CaptureFixture
) -> None:
    view = RunProgress()
    view.begin("evaluating batches", 100)
    clock[0] = 2.0
    view.skip(90)
    clock[0] = 14.0
    view.update(92)
    assert view.seconds_left() == pytest.approx(8 * 6.0)
    assert "evaluating batches: 92 of 100, about 48 s left" in capsys.readouterr().err
    view.close()


def photo_of_clip(total: int, is_timed: bool) -> BlurSample:
    image = torch.zeros(1, 3, 8, 8)
    return BlurSample(
        sample_id="clip",
        blurry=image,
        background=image[0],
        exposure_is_known=is_timed,
        part=ClipPart(number=0, total=total, first_frame=0),
    )


def test_the_work_of_a_clip_is_counted_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hfb.app.clip.estimate.count_processors", lambda: 2)
    settings = RefineSettings(window=8, overlap=2)
    estimate = ClipEstimate.of(settings, photo_of_clip(20, is_timed=True))
    # Windows 0–7, 6–13, 12–19: the steps of a slow loop over them.
    photos = sum(len(range(first, min(first + 8, 20))) for first in (0, 6, 12))
    assert estimate.photo_steps == photos * settings.num_steps
    assert ClipEstimate.of(settings, photo_of_clip(5, True)).photo_steps == 5 * settings.num_steps
    free = ClipEstimate.of(settings, photo_of_clip(20, is_timed=False))
    assert free.photo_steps > estimate.photo_steps
    line = estimate.first_line("clip")
    assert line.startswith("clip: 20 photos, about ")
    assert line.endswith(" on 2 cores (first estimate; --data.clip.part START:STOP takes fewer)")


def test_the_first_steps_correct_the_estimate(
    clock: list[float], capsys: pytest.CaptureFixture
) -> None:
    view = RunProgress()
    bar = ClipProgress(view, finished=0, total=200)
    bar.estimate = ClipEstimate(num_photos=60, photo_steps=16_000, step_seconds=0.01)
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    problem = SimpleNamespace(problem=range(8))
    for step in range(40):
        clock[0] = 5.0 + 0.8 * step  # 0.1 s a photo
        bar.on_train_batch_end(trainer, problem)
    view.close()
    # 16 000 × 0.1 s, and 60 photos of 3 s
    assert capsys.readouterr().err == "about 30 min in all, by the first steps\n"
