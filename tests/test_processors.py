"""How many processors: what the process may use, or all where the system does not tell."""

import os
import threading
import time

import pytest
import torch

from hfb.processors import count_processors, one_torch_thread, run_blocks, share_of_processors


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


def test_blocks_run_at_the_same_time_and_the_caller_does_the_first() -> None:
    meeting, threads = threading.Barrier(3, timeout=30), {}

    def work(block: int) -> None:
        meeting.wait()  # one after the other they would never meet
        threads[block] = threading.get_ident()

    run_blocks(3, work)
    assert sorted(threads) == [0, 1, 2]
    assert len(set(threads.values())) == 3
    assert threads[0] == threading.get_ident()


@pytest.mark.parametrize("faulty", [0, 1])
def test_an_error_in_a_block_comes_when_all_are_done(faulty: int) -> None:
    done = []

    def work(block: int) -> None:
        if block == faulty:
            raise ValueError(f"block {block}")
        time.sleep(0.05)
        done.append(block)

    with pytest.raises(ValueError, match=f"block {faulty}"):
        run_blocks(2, work)
    assert done == [1 - faulty]


def test_torch_gets_its_threads_back_whatever_happens() -> None:
    @one_torch_thread()
    def fails() -> None:
        raise ValueError(f"{torch.get_num_threads()} thread")

    torch.set_num_threads(2)
    with pytest.raises(ValueError, match="1 thread"):
        fails()
    assert torch.get_num_threads() == 2
