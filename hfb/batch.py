"""Frozen dataclasses with batch axes: index, cat, stack and move them as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor

from hfb.errors import ShapeError

Own = TypeVar("Own", bound="Batch")
Rows = int | slice | Tensor | Sequence[int]


class Batch:
    """Base of frozen dataclasses whose fields have the same leading batch axes.

    Fields that hold tensors, other batches or tuples (one entry a row) have the batch axes; those
    that are None, and what `shared` names, have none: all rows have them in common. Everything else
    (numbers, strings) is shared as well. The idea is nerfstudio's `TensorDataclass`.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Points(Batch):
        ...     place: Tensor
        ...     names: tuple[str, ...]
        >>> points = Points(torch.arange(6.0).reshape(3, 2), ("a", "b", "c"))
        >>> points.index([2, 0]).names
        ('c', 'a')
        >>> Points.cat([points, points]).place.shape
        torch.Size([6, 2])
    """

    shared: ClassVar[tuple[str, ...]] = ()

    def index(self: Own, rows: Rows) -> Own:
        """The rows at `rows`, in that order; one number takes the batch axis away.

        Args:
            rows: what the first axis is indexed by.

        Raises:
            ShapeError: if a number is given and a field holds one entry a row as a tuple.
        """

        def change(name: str, value: Any) -> Any:
            if isinstance(value, Tensor):
                return value[_as_index(rows, value)]
            if isinstance(value, Batch):
                return value.index(rows)
            return _tuple_rows(type(self).__name__, name, value, rows)

        return self._with_rows(change)

    @classmethod
    def cat(cls: type[Own], parts: Sequence[Own]) -> Own:
        """The rows of all parts, one after the other.

        Args:
            parts: at least one; what is shared must be the same in all.

        Raises:
            ShapeError: if there is no part, or parts do not fit together.
        """
        return cls._joined(parts, torch.cat)

    @classmethod
    def stack(cls: type[Own], parts: Sequence[Own]) -> Own:
        """The parts along a batch axis of their own, in front of those they have.

        Args:
            parts: at least one; what is shared must be the same in all.

        Raises:
            ShapeError: if there is no part, or parts do not fit together.
        """
        return cls._joined(parts, torch.stack)

    def to(self: Own, target: torch.device | torch.dtype | str) -> Own:
        """All tensors, shared ones too, on a device; or all floating-point ones in a type.

        Args:
            target: device or floating-point type.
        """
        values: dict[str, Any] = {}
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, Batch):
                values[field.name] = value.to(target)
            elif isinstance(value, Tensor):
                if not isinstance(target, torch.dtype) or value.is_floating_point():
                    values[field.name] = value.to(target)
        return replace(self, **values)  # type: ignore[type-var]

    def _with_rows(self: Own, change: Callable[[str, Any], Any]) -> Own:
        """The fields that have the batch axes, changed."""
        values = {}
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if field.name not in self.shared and isinstance(value, Tensor | Batch | tuple):
                values[field.name] = change(field.name, value)
        return replace(self, **values)  # type: ignore[type-var]

    @classmethod
    def _joined(cls: type[Own], parts: Sequence[Own], join: Callable[..., Tensor]) -> Own:
        if not parts:
            raise ShapeError(f"{cls.__name__}: there is nothing to join")
        first = parts[0]

        def change(name: str, value: Any) -> Any:
            own = [getattr(part, name) for part in parts]
            if any(type(other) is not type(value) for other in own):
                raise ShapeError(f"{cls.__name__}.{name} is missing in some of the parts to join")
            if isinstance(value, Tensor):
                return join(own)
            if isinstance(value, Batch):
                return type(value)._joined(own, join)
            return sum(own, ()) if join is torch.cat else tuple(own)

        for part in parts[1:]:
            _require_same_shared(first, part)
        return first._with_rows(change)


def _as_index(rows: Rows, like: Tensor) -> Any:
    """What a tensor on its device is indexed by."""
    if isinstance(rows, Tensor):
        return rows.to(like.device)
    return rows if isinstance(rows, int | slice) else list(rows)


def _tuple_rows(kind: str, name: str, value: tuple[Any, ...], rows: Rows) -> tuple[Any, ...]:
    if isinstance(rows, int):
        raise ShapeError(f"{kind}.{name} has one entry a row: index it by a slice or a list")
    if isinstance(rows, slice):
        return value[rows]
    numbers = rows.tolist() if isinstance(rows, Tensor) else rows
    return tuple(value[k] for k in numbers)


def _require_same_shared(one: Batch, other: Batch) -> None:
    """Raise where two batches differ in what all rows have in common."""
    for field in fields(one):  # type: ignore[arg-type]
        a, b = getattr(one, field.name), getattr(other, field.name)
        has_rows = isinstance(a, Tensor | Batch | tuple) and field.name not in one.shared
        if has_rows or a is b:
            continue
        if not _is_alike(a, b):
            raise ShapeError(
                f"{type(one).__name__}.{field.name} differs between the parts to join: {a} and {b}"
            )


def _is_alike(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, Batch):
        names = [field.name for field in fields(one)]  # type: ignore[arg-type]
        return all(_is_alike(getattr(one, name), getattr(other, name)) for name in names)
    return bool(one == other)
