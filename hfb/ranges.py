"""What a setting may be: its type and its range, checked where settings are made.

Command lines check types by themselves, callers from Python and ranges nobody: a negative size or a
NaN would show itself minutes later, as an error about something else, or not at all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cache
from numbers import Integral, Real
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from hfb.errors import InputError

Range = tuple[int | float, int | float]

SHARE: Range = (0.0, 1.0)
SIZE_PX: Range = (8, 4096)
"""Sides of crops and textures."""

NUM_STEPS: Range = (1, 1_000_000)
STEP_SIZE: Range = (0.0, 10.0)
WEIGHT: Range = (0.0, 1e9)
SEED: Range = (0, 2**32 - 1)
"""What numpy and torch both take."""

BATCH_SIZE: Range = (1, 4096)
LIMIT: Range = (1, 1_000_000_000)
"""How many of many."""

NETWORK_WIDTH: Range = (1, 16_384)
DROPOUT: Range = (0.0, 0.99)

_SHOWN = 60


def check_settings(settings: Any, where: str, ranges: Mapping[str, Range] | None = None) -> None:
    """Refuse what a setting cannot be: another type, a number outside its range, NaN, infinity.

    Args:
        settings: a dataclass, whose annotations say the types.
        where: its own name in a configuration, for the message; empty: none.
        ranges: lowest and highest value of numbers, by the field's name; those of lists hold for
            each entry.

    Raises:
        InputError: names the setting, what it may be and what it is.
    """
    kind: Any = type(settings)
    hints = _hints(kind)
    for name in (each.name for each in fields(settings)):
        own = (ranges or {}).get(name)
        check_value(f"{where}.{name}" if where else name, getattr(settings, name), hints[name], own)


def check_value(name: str, value: Any, hint: Any, bounds: Range | None = None) -> None:
    """The same for one value.

    Args:
        name: of the setting.
        value: what it is.
        hint: its type, as annotations spell it.
        bounds: lowest and highest number.

    Raises:
        InputError: if it is something else.
    """
    if isinstance(value, Mapping) and get_origin(hint) in (dict, Mapping):
        for key, one in value.items():
            check_value(f"{name}.{key}", one, get_args(hint)[1], bounds)
    elif not _fits(value, hint, bounds):
        shown = repr(value)
        shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
        raise InputError(f"{name} must be {_described(hint, bounds)}, got {shown}")


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _fits(value: Any, hint: Any, bounds: Range | None) -> bool:
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, part, bounds) for part in parts)
    if origin is Literal:
        return isinstance(value, str) and value in parts
    if origin in (list, tuple, Sequence):
        return _fits_list(value, origin, parts, bounds)
    if origin in (dict, Mapping):
        return isinstance(value, Mapping) and all(
            _fits(one, parts[1], bounds) for one in value.values()
        )
    if hint in (int, float):
        is_number = isinstance(value, Integral if hint is int else Real)
        low, high = bounds or (-math.inf, math.inf)
        return (
            is_number and not isinstance(value, bool) and math.isfinite(value)
            and low <= value <= high
        )  # fmt: skip
    if hint is NoneType:
        return value is None
    return not isinstance(hint, type) or isinstance(value, hint)


def _fits_list(value: Any, origin: Any, parts: tuple[Any, ...], bounds: Range | None) -> bool:
    if not isinstance(value, list | tuple):
        return False
    if origin is tuple and Ellipsis not in parts:
        return len(value) == len(parts) and all(
            _fits(one, part, bounds) for one, part in zip(value, parts, strict=True)
        )
    return all(_fits(one, parts[0], bounds) for one in value)


def _described(hint: Any, bounds: Range | None) -> str:
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(_described(part, bounds) for part in parts)
    if origin is Literal:
        return f"one of {', '.join(map(str, parts))}"
    if origin is tuple and Ellipsis not in parts:
        return f"{len(parts)} values, each {_described(parts[0], bounds)}"
    if origin in (list, tuple, Sequence):
        return f"a list, each entry {_described(parts[0], bounds)}"
    if origin in (dict, Mapping):
        return f"names with values, each {_described(parts[1], bounds)}"
    if hint in (int, float):
        kind = "a whole number" if hint is int else "a finite number"
        return f"{kind} from {bounds[0]:.12g} to {bounds[1]:.12g}" if bounds else kind
    named = {bool: "true or false", str: "text", NoneType: "null", Path: "a path"}
    if hint in named:
        return named[hint]
    return f"a {hint.__name__}" if isinstance(hint, type) else str(hint)
