"""Fixtures shared by all tests."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

REPO = Path(__file__).resolve().parents[1]
# Tests are collected by path, which leaves this folder off the import path: what several suites
# share beside fixtures (`started_samples.py`) is a module of its own.
sys.path.append(str(Path(__file__).parent))


@pytest.fixture(scope="session")
def repo() -> Path:
    return REPO


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The developers' data folder; tests that need it skip where it is absent."""
    root = Path(os.environ.get("HFB_SHARED", REPO.parent / "shared")) / "data"
    if not root.is_dir():
        pytest.skip(f"needs the developers' data folder, looked in {root} (set HFB_SHARED)")
    return root


@pytest.fixture(autouse=True)
def _one_torch_thread() -> None:
    """Small tensors: more threads only fight each other on small machines."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _signals_as_on_a_terminal() -> Iterator[None]:
    """A suite in the background of a script ignores some, and so would all that it starts."""
    usual = {"SIGINT": signal.default_int_handler, "SIGHUP": signal.SIG_DFL}
    known = {getattr(signal, name): own for name, own in usual.items() if hasattr(signal, name)}
    before = {number: signal.signal(number, own) for number, own in known.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def _no_arguments_of_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lightning warns where it sees two sets of arguments."""
    monkeypatch.setattr("sys.argv", ["run_hfb.py"])


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)
