"""The settings of the command line for callers from Python: files, then single settings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentError, ArgumentParser

from hfb.app.hfb_module import HfbModule
from hfb.assets import configs_dir
from hfb.cli.parser import find_config, one_line
from hfb.errors import InputError
from hfb.init import Initialiser
from hfb.refine.settings import RefineSettings

DEFAULTS = "run_hfb.yaml"
_REFINE = {field.name for field in fields(RefineSettings)}

Config = str | Path | Mapping[str, Any]


def configured_model(
    config: Config | Sequence[Config] | None = None, settings: Mapping[str, Any] | None = None
) -> HfbModule:
    """The module that the shipped defaults, configurations and single settings describe.

    The same settings give the same module, so that body and priors are loaded once.

    Args:
        config: YAML files as for `--config` (or the name of a shipped one), or the same as nested
            dictionaries; later ones are laid over earlier ones.
        settings: by the names that `--model.refine` and `--model` have: `num_starts=2`,
            `weights={"pose": 0.1}`, `body="SMPL_NEUTRAL.pkl"`, `render={"mode": "dibr"}`;
            `initialiser` may also be an object.

    Raises:
        InputError: if a file cannot be read, or a setting is not known or not allowed.
    """
    settings = dict(settings or {})
    initialiser = settings.pop("initialiser", None)
    if initialiser is not None and not isinstance(initialiser, Initialiser):
        settings["initialiser"] = initialiser  # a class_path with its init_args
    layers = [_read(configs_dir() / DEFAULTS)]
    given = [config] if isinstance(config, str | Path | Mapping) else list(config or ())
    layers += [part if isinstance(part, Mapping) else _read(part) for part in given]
    model: dict[str, Any] = {}
    for layer in layers:
        model = _laid_over(model, layer.get("model", {}))
    for name, value in settings.items():
        model = _laid_over(model, {"refine": {name: value}} if name in _REFINE else {name: value})
    text = json.dumps(model, sort_keys=True, default=str)
    if not isinstance(initialiser, Initialiser):
        return _build(text)
    own = _build.__wrapped__(text)  # nobody else shall get the caller's object
    own.initialiser = initialiser
    return own


def _read(name: str | Path) -> dict[str, Any]:
    path = Path(find_config(str(name)))
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"the configuration {path} cannot be read: {reason}") from error
    if not isinstance(content, dict):
        raise InputError(f"the configuration {path} holds no settings")
    return content


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """What `above` does not mention stays as it was, on every level."""
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            # Settings of one class mean nothing to another.
            is_same = value.get("class_path", old.get("class_path")) == old.get("class_path")
            merged[name] = _laid_over(old, value) if is_same else value
        else:
            merged[name] = value
    return merged


@lru_cache(maxsize=2)
def _build(model: str) -> HfbModule:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(HfbModule, "model")
    try:
        parsed = parser.parse_object({"model": json.loads(model)})
        return parser.instantiate_classes(parsed).model
    except ArgumentError as error:
        raise InputError(one_line(str(error))) from error
