"""Batches of frozen dataclasses against what one would write field by field."""

import doctest
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from hfb import batch
from hfb.batch import Batch
from hfb.errors import ShapeError
from hfb.motion import PolynomialMotion, evaluate, static_motion
from hfb.structures import BodyParams, Camera


@dataclass(frozen=True)
class Inner(Batch):
    value: Tensor


@dataclass(frozen=True)
class Outer(Batch):
    shared: ClassVar[tuple[str, ...]] = ("faces",)

    place: Tensor
    inner: Inner
    names: tuple[str, ...]
    faces: Tensor
    note: str = "same"
    extra: Tensor | None = None


def make(count: int, seed: int = 0, **changes: object) -> Outer:
    generator = torch.Generator().manual_seed(seed)
    made = Outer(
        torch.rand(count, 2, generator=generator),
        Inner(torch.rand(count, 3, generator=generator)),
        tuple(f"{seed}/{k}" for k in range(count)),
        torch.arange(3),
    )
    return replace(made, **changes)


def test_the_example_in_the_docstring() -> None:
    assert doctest.testmod(batch).failed == 0


@given(st.lists(st.integers(0, 4), min_size=1, max_size=6))
def test_an_index_takes_the_same_rows_of_every_field(rows: list[int]) -> None:
    whole = make(5)
    for index in (rows, torch.tensor(rows)):
        part = whole.index(index)
        assert torch.equal(part.place, whole.place[rows])
        assert torch.equal(part.inner.value, whole.inner.value[rows])
        assert part.names == tuple(whole.names[k] for k in rows)
        assert part.faces is whole.faces
        assert part.extra is None


def test_parts_joined_are_the_whole_again() -> None:
    whole = make(5)
    joined = Outer.cat([whole.index(slice(2)), whole.index([2]), whole.index(slice(3, None))])
    assert torch.equal(joined.place, whole.place)
    assert torch.equal(joined.inner.value, whole.inner.value)
    assert joined.names == whole.names


def test_a_stack_has_an_axis_of_its_own_and_gives_its_parts_back() -> None:
    parts = [Camera(torch.rand(2), torch.rand(2), 3, 4) for _ in range(3)]
    stacked = Camera.stack(parts)
    assert stacked.focal.shape == (3, 2)
    for k, part in enumerate(parts):
        assert torch.equal(stacked.index(k).principal_point, part.principal_point)
        assert stacked.index(k).height == 3


def test_what_is_shared_must_be_the_same() -> None:
    with pytest.raises(ShapeError, match="height differs between the parts to join: 3 and 5"):
        Camera.cat([Camera(torch.rand(1, 2), torch.rand(1, 2), h, 4) for h in (3, 5)])
    with pytest.raises(ShapeError, match="faces differs"):
        Outer.cat([make(1), make(1, faces=torch.arange(4))])
    with pytest.raises(ShapeError, match=r"extra (is missing|differs)"):
        Outer.cat([make(1, extra=torch.rand(1)), make(1)])
    with pytest.raises(ShapeError, match=r"extra (is missing|differs)"):
        Outer.cat([make(1), make(1, extra=torch.rand(1))])
    with pytest.raises(ShapeError, match="nothing to join"):
        Outer.cat([])
    with pytest.raises(ShapeError, match="one entry a row"):
        make(2).index(1)


def test_a_type_is_for_floating_point_numbers_only() -> None:
    moved = make(2).to(torch.float64)
    assert moved.place.dtype == moved.inner.value.dtype == torch.float64
    assert moved.faces.dtype == torch.int64


def test_motions_and_bodies_are_batches(generator: torch.Generator) -> None:
    still = static_motion(torch.eye(3).expand(4, 24, 3, 3), torch.rand(4, 3), 2)
    motion = still.with_coeffs(torch.randn(still.coeffs.shape, generator=generator))
    t = torch.tensor([0.2, 0.9])
    rows = torch.tensor([3, 1])
    for whole, part in zip(evaluate(motion, t), evaluate(motion.index(rows), t), strict=True):
        torch.testing.assert_close(whole[rows], part)
    again = PolynomialMotion.stack([motion.index(k) for k in range(4)])
    assert torch.equal(again.coeffs, motion.coeffs)
    assert again.time_origin == 0.5
    params = BodyParams(torch.rand(4, 10), *evaluate(motion, torch.tensor([0.5])))
    assert params.index(2).transl.shape == (1, 3)
