"""How many processors: what the process may use, or all where the system does not tell."""

import os

import pytest

from hfb.processors import count_processors


def test_a_confined_process_counts_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 3}, raising=False)
    assert count_processors() == 2


@pytest.mark.parametrize(("told", "expected"), [(6, 6), (None, 1)])
def test_systems_without_the_call(
    monkeypatch: pytest.MonkeyPatch, told: int | None, expected: int
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: told)
    assert count_processors() == expected
