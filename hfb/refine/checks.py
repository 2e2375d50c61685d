"""What the settings of a refinement have in common: complaints about their values."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from hfb.errors import InputError


def check_at_least(settings: Any, where: str, least: int, names: Iterable[str]) -> None:
    """Refuse numbers below a bound, and those that are not finite.

    Args:
        settings: has the numbers as attributes.
        where: its own name in a configuration, for the message.
        least: smallest value allowed.
        names: of the attributes.
    """
    for name in names:
        value = getattr(settings, name)
        if not least <= value < math.inf:
            raise InputError(f"{where}.{name} must be finite and at least {least}, got {value}")


def check_choices(settings: Any, where: str) -> None:
    """Refuse words that are none of a setting's choices; command lines do so by themselves.

    Args:
        settings: a dataclass.
        where: its own name in a configuration, for the message.
    """
    hints = get_type_hints(type(settings))
    for name in (each.name for each in fields(settings)):
        value = getattr(settings, name)
        if get_origin(hints[name]) is Literal and value not in get_args(hints[name]):
            choices = ", ".join(get_args(hints[name]))
            raise InputError(f"{where}.{name} must be one of {choices}, got {value!r}")
