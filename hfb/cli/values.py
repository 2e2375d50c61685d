"""How what is typed becomes a value."""

from __future__ import annotations

import re
from typing import Any

import yaml
from jsonargparse import get_loader, set_loader

# A byte of a name that is no UTF-8: Python holds it as one of these characters, and YAML, in which
# there are none, writes them as escapes. Meanwhile they stand in a plane that nobody uses.
_BYTES = range(0xDC80, 0xDD00)
_AWAY = {number: 0x100000 + number for number in _BYTES}
_BACK = {away: number for number, away in _AWAY.items()}
_ESCAPED = re.compile(r"(?<!\\)\\uDC([89A-Fa-f][0-9A-Fa-f])")
_yaml_load = get_loader("yaml")


def accept_any_name() -> None:
    """Take names of files that are not UTF-8; jsonargparse reads every option as YAML."""
    set_loader("yaml", _load, exceptions=(yaml.YAMLError,))


def _load(text: Any) -> Any:
    if not isinstance(text, str):
        return _yaml_load(text)
    away = _ESCAPED.sub(r"\\U0010DC\1", text.translate(_AWAY))
    value = _yaml_load(away)
    return value if away == text else _back(value)


def _back(value: Any) -> Any:
    if isinstance(value, dict):
        return {_back(key): _back(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_back(entry) for entry in value]
    return value.translate(_BACK) if isinstance(value, str) else value
