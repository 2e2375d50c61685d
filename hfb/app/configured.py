"""The settings of the command line for callers from Python: files, then single settings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentError, ArgumentParser

from hfb.app.hfb_module import HfbModule
from hfb.assets import configs_dir
from hfb.cli.parser import find_config, one_line
from hfb.cli.safe_yaml import read_config_text
from hfb.errors import InputError
from hfb.init import Initialiser
from hfb.refine.recipe.settings import RefineSettings

DEFAULTS = "run_hfb.yaml"
_REFINE = {field.name for field in fields(RefineSettings)}
_MODEL = {
    "body",
    "initialiser",
    "matting",
    "motion_prior",
    "pose_prior",
    "refine",
    "render",
    "report",
    "show_progress",
}
# What the files of the command line say beside the settings of the module.
_OTHERS = {"trainer", "data", "seed_everything", "output"}

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
    initialiser = settings.get("initialiser")
    if isinstance(initialiser, Initialiser):
        del settings["initialiser"]
    layers = [_read(configs_dir() / DEFAULTS)]
    given = [config] if isinstance(config, str | Path | Mapping) else list(config or ())
    layers += [part if isinstance(part, Mapping) else _read(part) for part in given]
    model: dict[str, Any] = {}
    for layer in layers:
        model = _laid_over(model, _model_of(layer))
    for name, value in settings.items():
        _require_setting(name, value)
        own = _plain(value)
        model = _laid_over(model, {"refine": {name: own}} if name in _REFINE else {name: own})
    try:
        text = json.dumps(model, sort_keys=True, default=str)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"the settings cannot be kept as text: {error}") from error
    if not isinstance(initialiser, Initialiser):
        return _build(text)
    own = _build.__wrapped__(text)  # nobody else shall get the caller's object
    own.initialiser = initialiser
    return own


def _read(name: str | Path) -> dict[str, Any]:
    path = Path(find_config(str(name)))
    content = yaml.safe_load(read_config_text(path))
    if not isinstance(content, dict):
        raise InputError(f"the configuration {path} holds no settings")
    return content


def _model_of(layer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings of the module among those of a configuration."""
    unknown = sorted(str(name) for name in set(layer) - _OTHERS - {"model"})
    model = layer.get("model", {})
    if unknown or not isinstance(model, Mapping):
        raise InputError(
            f"the configuration has {', '.join(unknown) or 'no settings under model'}: settings of "
            "the fit stand under model, as in run_hfb.yaml"
        )
    return model


def _require_setting(name: str, value: Any) -> None:
    """Raise unless a keyword is a setting of a fit."""
    if name not in _REFINE | _MODEL:
        known = ", ".join(sorted(_REFINE | _MODEL))
        raise InputError(f"there is no setting {name}: there are {known}")
    if name == "initialiser" and not isinstance(value, str | Mapping):
        raise InputError(
            f"initialiser is {value!r}: give an object derived from hfb.init.Initialiser, or the "
            "class_path of such a class"
        )


def _plain(value: Any) -> Any:
    """Settings given as objects (`Stage`, `RenderSettings`) as configurations hold them."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """What `above` does not mention stays as it was, on every level."""
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            if "class_path" in old and not {"class_path", "init_args"} & set(value):
                value = {"init_args": value}
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
