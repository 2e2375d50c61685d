"""The progress display where there is no terminal."""

import doctest

import pytest

from hfb.app.progress import RunProgress
from hfb.cli import display


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
