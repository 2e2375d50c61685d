"""Numbers of every kind that files hold, and those that mean nothing."""

import numpy as np
import pytest
import scipy.sparse
import torch

from hfb.errors import InputError
from hfb.files import numbers
from hfb.files.numbers import check_rotations, check_size, numbers_of

VALUES = [[1.0, 2.0], [3.0, 0.0]]


@pytest.mark.parametrize(
    "value",
    [
        VALUES,
        tuple(map(tuple, VALUES)),
        np.array(VALUES),
        np.array(VALUES, np.float16),
        np.array(VALUES, np.uint8),
        np.array(VALUES, ">f4"),
        torch.tensor(VALUES),
        torch.tensor(VALUES, dtype=torch.bfloat16),
        torch.tensor(VALUES, dtype=torch.float16, requires_grad=True),
        torch.tensor(VALUES).to_sparse(),
        torch.tensor(VALUES, dtype=torch.int32),
        [np.array(row) for row in VALUES],
        [torch.tensor(row, dtype=torch.bfloat16) for row in VALUES],
        scipy.sparse.csc_matrix(VALUES),
        scipy.sparse.coo_array(VALUES),
    ],
)
def test_every_kind_of_numbers(value):
    found = numbers_of(value, "x", "a.pkl")
    assert found.dtype == np.float64
    assert found.tolist() == VALUES


def test_single_numbers():
    for value in (3, 3.0, np.float32(3), np.array(3), torch.tensor(3.0)):
        assert numbers_of(value, "x", "a.pkl") == 3.0
    assert numbers_of(2**70, "x", "a.json") == float(2**70)


def _endless():
    row = [1.0]
    row.append(row)
    return row


def _doubled():
    rows = [1.0]
    for _ in range(40):
        rows = [rows, rows]
    return rows


@pytest.mark.parametrize(
    "value",
    [
        True,
        [True, False],
        np.array([True]),
        torch.tensor([True]),
        1j,
        np.array([1j]),
        torch.tensor([1j]),
        "1.0",
        ["1.0"],
        [1.0, None],
        None,
        {},
        [[1.0], [1.0, 2.0]],
        np.array([{}], dtype=object),
        torch.zeros(3, device="meta"),
        _endless(),
        _doubled(),
        scipy.sparse.csc_matrix((10**6, 10**6)),
    ],
)
def test_what_is_no_number(value):
    with pytest.raises(InputError, match=r"a\.pkl: x does not hold numbers"):
        numbers_of(value, "x", "a.pkl")


@pytest.mark.parametrize(
    "value", [float("nan"), [1.0, float("inf")], np.array([np.nan]), 10**400, [1, 10**400]]
)
def test_what_is_not_finite(value):
    with pytest.raises(InputError, match=r"a\.pkl: x holds values that are not finite"):
        numbers_of(value, "x", "a.pkl")


def test_long_lists_are_not_measured_to_their_end(monkeypatch):
    monkeypatch.setattr(numbers, "MAX_LISTED", 5)
    assert len(numbers_of([1.0] * 5, "x", "a")) == 5
    with pytest.raises(InputError, match="does not hold numbers"):
        numbers_of([1.0] * 6, "x", "a")


def test_claimed_arrays_are_not_touched():
    with pytest.raises(InputError, match="x claims 1000000000000 numbers"):
        numbers_of(np.broadcast_to(np.float32(0), (10**6, 10**6)), "x", "a.pkl")


def test_sizes_name_the_place():
    check_size(np.array([[1.0, -2.0]]), 2.0, "x", "a.npz")
    check_size(np.zeros((0, 3)), 2.0, "x", "a.npz")
    with pytest.raises(InputError, match=r"a\.npz: x\[1, 0\] is -1e\+30; no such value exceeds 2"):
        check_size(np.array([[1.0, 3.0], [-1e30, 0.0]]), 2.0, "x", "a.npz")


def test_rotations_name_row_and_joint():
    rotmat = np.tile(np.eye(3), (2, 4, 1, 1))
    check_rotations(rotmat, "x", "a.pk")
    mirrored = rotmat.copy()
    mirrored[1, 2] = np.diag([1.0, 1.0, -1.0])
    with pytest.raises(InputError, match="x of row 1, joint 2 mirrors"):
        check_rotations(mirrored, "x", "a.pk")
    stretched = rotmat.copy()
    stretched[0, 3] *= 1.1
    with pytest.raises(InputError, match="x of row 0, joint 3 is no rotation matrix"):
        check_rotations(stretched, "x", "a.pk")
