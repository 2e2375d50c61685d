"""A slice of the fuzz driver: bad inputs end in one line, and the driver sees what does not."""

import os
import signal
import sys

import pytest

CASES = 34  # each maker once


@pytest.fixture(autouse=True)
def _tools_on_path(repo, monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(repo / "tools"))


@pytest.fixture
def case():
    from fuzz.case import Case

    return Case("kind/this", "predict", ())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="cases run in forks of one process")
def test_bad_inputs_end_in_one_clear_line(repo):
    """In a process of its own: nothing of this one's threads is forked."""
    import subprocess

    done = subprocess.run(
        [sys.executable, str(repo / "tools" / "fuzz_inputs.py"), f"--count={CASES}", "--seed=1"],
        capture_output=True,
        text=True,
        check=False,
        cwd=repo,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{CASES} cases in" in done.stdout


def test_every_maker_makes_the_same_case_again(tmp_path):
    import fuzz_inputs
    from fuzz.case import MAKERS
    from fuzz.good_inputs import make_good

    assert len(MAKERS) == CASES
    good = tmp_path / "good"
    good.mkdir()
    make_good(good)
    for number in range(len(MAKERS)):
        made = []
        for _ in range(2):
            folder = tmp_path / "case"
            folder.mkdir()
            made.append(fuzz_inputs.make_case(number, 7, good, folder))
            os.rename(folder, tmp_path / f"{number}-{len(made)}")
        assert made[0] == made[1]


@pytest.mark.parametrize(
    ("code", "errors", "fault"),
    [
        (2, "error: there is no such file: a.png\n", None),
        (2, "error: no\n", "a line that says nothing"),
        (2, "", "0 lines of error"),
        (2, "error: one thing is wrong\nerror: another one is\n", "2 lines of error"),
        (2, "error: one thing is wrong\nand more\n", "more text after the error"),
        (2, "error: TypeError: unsupported operand\n", "a message for programmers: TypeError"),
        (1, "Traceback (most recent call last):\nValueError: x\n", "traceback: ValueError: x"),
        (1, "", "exit code 1"),
        (0, "", "accepted in silence"),
        (3, "", "exit code 3 without a reason"),
        (3, "warning: the body lies outside\n", None),
        (-signal.SIGSEGV, "", "crash: SIGSEGV"),
    ],
)
def test_what_is_right_and_what_is_wrong(case, tmp_path, code, errors, fault):
    from fuzz.judge import Outcome, fault_of

    found = fault_of(case, Outcome(code, 1.0, errors, errors), tmp_path)
    assert (found is None) if fault is None else found.startswith(fault)


def test_results_are_looked_at(case, tmp_path):
    from dataclasses import replace

    from fuzz.judge import Outcome, fault_of

    lucky, done = replace(case, must_fail=False), Outcome(0, 1.0, "", "")
    assert fault_of(lucky, done, tmp_path) is None
    (tmp_path / "per_sample.csv").write_text("sample_id,iou\none,nan\n")
    assert fault_of(lucky, done, tmp_path) == "nan in per_sample.csv"
    (tmp_path / "per_sample.csv").write_text("sample_id,iou\none,0.5\n")
    (tmp_path / ".one.ab12.part").mkdir()
    assert "half-written" in fault_of(lucky, done, tmp_path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="cases run in forks of one process")
def test_a_case_that_never_ends_is_ended(case, tmp_path, monkeypatch):
    from fuzz import judge

    monkeypatch.setattr(judge, "LIMIT_S", 0.3)
    monkeypatch.setattr(judge, "run", lambda program, arguments: signal.pause())
    outcome = judge.run_case(case, tmp_path)
    assert judge.fault_of(case, outcome, tmp_path) == "no answer within 0 s"
    monkeypatch.setattr(judge, "run", lambda program, arguments: os.abort())
    outcome = judge.run_case(case, tmp_path)
    assert judge.fault_of(case, outcome, tmp_path) == "crash: SIGABRT"
