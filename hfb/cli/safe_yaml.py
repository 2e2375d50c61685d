"""YAML of users: as much as a configuration needs, and nothing that could hold the program up.

A few lines can stand for millions of values (aliases of aliases), or for something that contains
itself. Both are refused before anything is built from them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from hfb.errors import InputError

MAX_BYTES = 1_000_000
MAX_VALUES = 20_000
"""Values of a configuration, with what aliases repeat; the shipped ones have some two hundred."""

MAX_DEPTH = 50

_NAMES = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge")


class UnsafeYamlError(yaml.YAMLError):
    """A document that is too large, too deep, or contains itself."""


def check_yaml(text: str) -> None:
    """Refuse a document that is no configuration, whoever reads it afterwards.

    Args:
        text: YAML or JSON.

    Raises:
        UnsafeYamlError: if it is too large, too deep, or contains itself.
        yaml.YAMLError: if it is no YAML.
    """
    if len(text) > MAX_BYTES:
        raise UnsafeYamlError(f"longer than {MAX_BYTES} characters: no configuration")
    sizes: dict[str, int] = {}
    # Number of values in, and anchor of, each list or mapping that is not closed yet.
    opened: list[tuple[str | None, int]] = [(None, 0)]
    for event in yaml.parse(text, Loader=_loader()):
        anchor = getattr(event, "anchor", None)
        if isinstance(event, yaml.AliasEvent):
            if any(anchor == other for other, _ in opened):
                raise UnsafeYamlError(f"*{anchor} contains itself")
            opened[-1] = _grown(opened[-1], sizes.get(str(anchor), 1))
        elif isinstance(event, yaml.ScalarEvent):
            sizes[str(anchor)] = 1
            opened[-1] = _grown(opened[-1], 1)
        elif isinstance(event, yaml.CollectionStartEvent):
            opened.append((anchor, 1))
        elif isinstance(event, yaml.CollectionEndEvent):
            name, size = opened.pop()
            sizes[str(name)] = size
            opened[-1] = _grown(opened[-1], size)
        if len(opened) > MAX_DEPTH:
            raise UnsafeYamlError(f"nested more than {MAX_DEPTH} levels deep: no configuration")
    _check_keys(yaml.compose(text, Loader=_loader()))


def _check_keys(node: yaml.Node | None) -> None:
    """Refuse keys that are no text, or stand twice: the second would replace the first silently."""
    if isinstance(node, yaml.MappingNode):
        for key, _ in node.value:
            if key.tag not in _NAMES:
                what = getattr(key, "value", key.id)
                line = key.start_mark.line + 1
                raise UnsafeYamlError(
                    f"a setting is called {what} in line {line}: its name must be text"
                )
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = [key for key in keys if keys.count(key) > 1]
        if twice:
            line = node.start_mark.line + 1
            raise UnsafeYamlError(f"{twice[0]} stands twice among the settings from line {line} on")
        for _, value in node.value:
            _check_keys(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _check_keys(value)


def _grown(entry: tuple[str | None, int], by: int) -> tuple[str | None, int]:
    anchor, size = entry[0], entry[1] + by
    if size > MAX_VALUES:
        raise UnsafeYamlError(f"it stands for more than {MAX_VALUES} values: no configuration")
    return anchor, size


def _loader() -> Any:
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_yaml(text: str) -> Any:
    """The content of a document that `check_yaml` lets pass."""
    check_yaml(text)
    return yaml.load(text, Loader=_loader())


def read_config_text(path: str | Path) -> str:
    """The text of a configuration file, checked.

    Args:
        path: the file.

    Raises:
        InputError: if there is none, or it is no text, or no YAML that can be a configuration.
    """
    path = Path(path)
    try:
        if not path.is_file():
            kind = "no file" if path.exists() else "not there"
            kind = "a folder" if path.is_dir() else kind
            raise InputError(f"the configuration {path} is {kind} (looked for {path.absolute()})")
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"the configuration {path} is larger than {MAX_BYTES} bytes: no text")
        text = path.read_text(encoding="utf-8")
        if not isinstance(load_yaml(text), dict):
            raise InputError(f"the configuration {path} holds no settings")
    except UnicodeDecodeError as error:
        raise InputError(
            f"the configuration {path} is no text in UTF-8: byte {error.start} is "
            f"0x{error.object[error.start]:02x}"
        ) from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        if isinstance(error, InputError):
            raise
        reason = " ".join(str(error).split())
        raise InputError(f"the configuration {path} cannot be read: {reason}") from error
    return text
