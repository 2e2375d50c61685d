"""Reading what earlier runs have left, which may be damaged: a whole record or a ValueError."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from hfb.evaluate.records import Record
from hfb.evaluate.results import FitMetrics
from hfb.structures import BrokenSample

_MOST_BYTES = 10_000_000
_MOST_VALUES = 20_000
_MOST = 1e12
_METRICS = {field.name for field in fields(FitMetrics)}


def read_config(text: str) -> dict[str, Any]:
    """The settings of a `config.yaml`.

    Args:
        text: of the file.

    Raises:
        ValueError: if it is none, in a few words.
    """
    try:
        config = yaml.safe_load(text) if len(text) <= _MOST_BYTES else None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ValueError(f"no YAML: {' '.join(str(error).split())[:120]}") from error
    if not isinstance(config, dict) or not _is_small(config):
        raise ValueError("no settings in it")
    return config


def read_record(path: Path) -> Record:
    """The metrics of a finished sample.

    Args:
        path: its `result.json`.

    Raises:
        OSError: if it cannot be read.
        ValueError: if something is missing in it or is of the wrong kind; a few words.
    """
    record = _json(path)
    if record.get("sample_id") != path.parent.name:
        raise ValueError("it is not this sample's")
    methods = record.get("methods")
    if not isinstance(methods, dict) or not methods:
        raise ValueError("no methods in it")
    for name in ("source", "digest"):
        if not isinstance(record.get(name), str):
            raise ValueError(f"no {name} in it")
    if not isinstance(record.get("frames"), int) or not _is_number(record.get("blur_rate", "")):
        raise ValueError("no frames or blur_rate in it")
    for metrics in (record.get("initial"), *methods.values()):
        _check_metrics(metrics)
    if "unlifted" in record:
        _check_metrics(record["unlifted"])
    if any(not _is_number(metrics.get("seconds", "")) for metrics in methods.values()):
        raise ValueError("no seconds in it")
    return record


def read_broken(path: Path) -> BrokenSample:
    """The note about a sample that could not be used.

    Args:
        path: its file in `unusable/`.

    Raises:
        OSError: if it cannot be read.
        ValueError: if something is missing in it or is of the wrong kind; a few words.
    """
    note = _json(path)
    names = {field.name for field in fields(BrokenSample)}
    least = names - {"source"}
    if not least <= set(note) <= names or not all(isinstance(v, str) for v in note.values()):
        raise ValueError(f"it should hold {', '.join(sorted(least))}")
    return BrokenSample(**note)


def _json(path: Path) -> dict[str, Any]:
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError("too large")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError("no JSON") from error
    if not isinstance(content, dict):
        raise ValueError("no JSON object")
    return content


def _check_metrics(metrics: object) -> None:
    """Raise unless a record's metrics are there, each a number, nothing, or numbers by joint."""
    if not isinstance(metrics, dict) or not metrics.keys() >= _METRICS:
        raise ValueError("metrics are missing")
    if metrics["reblur_psnr_db"] is None or metrics["matte_iou"] is None:
        raise ValueError("metrics are missing")
    for name, value in metrics.items():
        if name == "warnings":
            if not isinstance(value, list) or not all(isinstance(code, str) for code in value):
                raise ValueError("warnings are no list of codes")
            continue
        if name == "guard":
            _check_guard(value)
            continue
        is_table = name.endswith("per_joint_mm") and isinstance(value, dict)
        values = value.values() if is_table else [value]
        if not all(_is_number(entry) for entry in values):
            raise ValueError(f"{name} is no number")


def _check_guard(photos: object) -> None:
    """Raise unless it holds a risk for each photo that was judged."""
    if not isinstance(photos, list) or not all(
        isinstance(photo, dict) and _is_number(photo.get("risk", "")) for photo in photos
    ):
        raise ValueError("guard is no list of verdicts")


def _is_number(value: object) -> bool:
    """Whether it is what a metric may be: a finite number, or None where it is not known."""
    if value is None:
        return True
    return isinstance(value, int | float) and math.isfinite(value) and abs(value) < _MOST


def _is_small(config: dict[str, Any]) -> bool:
    """Whether a configuration, its aliases written out, has a size that people write."""
    left, waiting = _MOST_VALUES, [config]
    while waiting and left > 0:
        value: Any = waiting.pop()
        left -= 1
        children = value.values() if isinstance(value, dict) else value
        if isinstance(value, dict | list):
            waiting.extend(children)
    return left > 0
