"""What fits the memory."""

import pytest

from hfb.errors import InputError
from hfb.files import memory
from hfb.files.memory import available_memory, check_memory


def test_memory_error_says_what_to_reduce(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 4 * 2**30)
    check_memory(1080, 1920, num_frames=5)
    with pytest.raises(
        InputError, match=r"8000 x 6000 px and 2 frames need about 9\.4 GB, 4\.0 GB .*fewer frames"
    ):
        check_memory(6000, 8000, num_frames=2)


def test_unknown_memory_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: None)
    check_memory(10**6, 10**6)


def test_available_memory_is_plausible() -> None:
    found = available_memory()
    assert found is None or 2**20 < found < 2**50
