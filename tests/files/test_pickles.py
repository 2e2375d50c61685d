"""Pickles of plain arrays, and those that would run something."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from hfb.errors import InputError
from hfb.files.pickles import read_pickled_arrays


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


@pytest.mark.parametrize("protocol", range(2, 6))
def test_every_protocol_of_both_numpys(tmp_path: Path, protocol: int) -> None:
    content = {"a": np.arange(6.0).reshape(2, 3), "b": np.float32(2), "c": np.zeros((0, 3))}
    new = pickle.dumps(content, protocol)
    # numpy 1 wrote the old name of the same module, of the same builders.
    old = new.replace(b"\x13numpy._core.numeric", b"\x12numpy.core.numeric")
    old = old.replace(b"\x16numpy._core.multiarray", b"\x15numpy.core.multiarray")
    old = old.replace(b"cnumpy._core.multiarray", b"cnumpy.core.multiarray")
    if protocol >= 4:  # frames state their length, which has changed
        old = pickle.PROTO + bytes([protocol]) + old[11:]
    for number, data in enumerate((new, old)):
        path = tmp_path / f"{number}.pkl"
        path.write_bytes(data)
        back = read_pickled_arrays(path, "test")
        assert all(np.array_equal(back[key], content[key]) for key in content)
    assert b"numpy._core" in new
    assert b"numpy._core" not in old
