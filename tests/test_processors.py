"""How many processors: what the process may use, or all where the system does not tell."""

import os

import pytest

from hfb.processors import count_processors, share_of_processors


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


@pytest.mark.parametrize(
    ("num_here", "told", "expected"), [(4, None, 2), (16, None, 1), (4, "3", 3), (4, "99", 8)]
)
def test_processes_of_a_run_share_them(
    monkeypatch: pytest.MonkeyPatch, num_here: int, told: str | None, expected: int
) -> None:
    """SLURM has counted already: what it gives a task is not shared again."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    if told is not None:
        monkeypatch.setenv("SLURM_CPUS_PER_TASK", told)
    assert share_of_processors(num_here) == expected
