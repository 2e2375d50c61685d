"""Archives of arrays from anywhere."""

import io
import zipfile

import numpy as np
import pytest

from hfb.errors import InputError
from hfb.files import npz
from hfb.files.npz import check_npz_size, read_npz


def test_round_trip(tmp_path):
    arrays = {"a": np.arange(6.0).reshape(2, 3), "names": np.array(["x", "yy"])}
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    back = read_npz(tmp_path / "a.npz", "target")
    assert set(back) == set(arrays)
    for name, values in arrays.items():
        np.testing.assert_array_equal(back[name], values)


def test_sizes_are_checked_before_anything_is_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, a=np.zeros(2**20))
    monkeypatch.setattr(npz, "_read_member", lambda *arguments: pytest.fail("was unpacked"))
    for check in (read_npz, check_npz_size):
        with pytest.raises(InputError, match="claims 8 MB of arrays; more than 1 MB"):
            check(path, "target", 2**20)


def test_a_header_that_claims_more_than_there_is(tmp_path):
    stored = io.BytesIO()
    np.save(stored, np.zeros(3))
    lying = stored.getvalue().replace(b"(3,)", b"(9,)")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", lying)
    with pytest.raises(InputError, match=r"a\.npy claims 72 bytes but holds 24"):
        read_npz(tmp_path / "a.npz", "target")


def test_python_objects_and_damage_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.array([{}], dtype=object))
    with pytest.raises(InputError, match="holds Python objects"):
        read_npz(tmp_path / "a.npz", "target")
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(whole[:-30])
    with pytest.raises(InputError, match="is not an npz that can be read"):
        read_npz(tmp_path / "a.npz", "target")
