"""Pickles of plain arrays, and those that would run something."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from datamodules.files.safe_pickle import read_pickled_arrays
from hfb.errors import InputError


def test_pickles_cannot_run_anything(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "ran",))

    path = tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps({"a": Evil()}))
    with pytest.raises(InputError, match="no pickle of plain arrays: it asks for"):
        read_pickled_arrays(path, "test")
    assert not (tmp_path / "ran").exists()
    path.write_bytes(pickle.dumps({"a": np.arange(3), "b": np.float64(2), "c": "text"}))
    assert read_pickled_arrays(path, "test")["a"].tolist() == [0, 1, 2]
    path.write_bytes(b"\x80\x04")
    with pytest.raises(InputError, match="no pickle"):
        read_pickled_arrays(path, "test")
