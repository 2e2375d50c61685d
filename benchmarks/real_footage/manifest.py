"""The cases of a manifest: which frames of which clip make a photo, and what its truth is worth."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from datamodules.files.video import parse_frames
from hfb.errors import InputError

Window = tuple[float, float, float, float]
"""Left, top, right and bottom of the person, px."""

HALVES = ("tune", "report")
UNRELIABLE = {"arms": (2, 3, 4, 5), "hips": (6, 7), "legs": (8, 9, 10, 11)}
"""Rows of the twelve limb landmarks that a manifest can call unreliable."""


@dataclass(frozen=True)
class Clip:
    """A clip of a camera that stands still.

    Attributes:
        name: in the manifest.
        path: relative to the folder of the clips.
        half: "tune": choices may be made by it; "report": its cases are for reports alone.
        plate: "made": by the product; or the path of an image; or the number of an empty frame.
        shutter: share of the frame time for which the shutter was open, a guess.
        tags: what is to be seen.
        unreliable: landmarks that the detector gets wrong on it.
        note: in words.
    """

    name: str
    path: str
    half: str
    plate: str | int = "made"
    shutter: float = 0.5
    tags: tuple[str, ...] = ()
    unreliable: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Case:
    """One blurry photo, or several consecutive ones.

    Attributes:
        name: names its files.
        clip: what it is taken from.
        frames: START:STOP, several with commas between them; as `--data.frames`.
        window: where the person is in all of these frames.
        height: of the person standing upright, px.
        is_region_only: whether others move in the clip, so that only the window is looked at.
        unreliable: landmarks that the detector gets wrong, with those of the clip.
        tags: with those of the clip.
        note: in words.
    """

    name: str
    clip: Clip
    frames: str
    window: Window
    height: float
    is_region_only: bool = False
    unreliable: tuple[str, ...] = ()
    tags: tuple[str, ...] = field(default=())
    note: str = ""

    @property
    def exposures(self) -> list[range]:
        """Frames of each photo."""
        return parse_frames(self.frames)

    @property
    def trusted(self) -> list[bool]:
        """Which of the twelve limb landmarks count."""
        left_out = {row for name in self.unreliable for row in UNRELIABLE[name]}
        return [row not in left_out for row in range(12)]


def read_cases(path: Path) -> list[Case]:
    """All cases of a manifest, YAML or JSON.

    Args:
        path: of the manifest; its format stands at the top of `real_cases.yaml`.

    Raises:
        InputError: if it cannot be read, or a case lacks something or has something unknown.
    """
    try:
        content = yaml.safe_load(path.read_text())
        clips = {name: _clip(name, entry) for name, entry in content["clips"].items()}
        cases = [_case(entry, clips) for entry in content["cases"]]
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"the manifest {path} cannot be used: {error!r}") from error
    names = [case.name for case in cases]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"the manifest {path} has two cases {twice[0]}")
    return cases


def _clip(name: str, entry: dict[str, Any]) -> Clip:
    clip = Clip(name=name, **_tuples(entry))
    if clip.half not in HALVES:
        raise ValueError(f"clip {name}: half is {clip.half!r}, not one of {HALVES}")
    _check_unreliable(name, clip.unreliable)
    return clip


def _case(entry: dict[str, Any], clips: dict[str, Clip]) -> Case:
    values = _tuples(entry)
    clip = clips[values.pop("clip")]
    name = values.setdefault("name", f"{clip.name}-{values['frames'].replace(':', '-')}")
    left, top, right, bottom = values["window"]
    if not (left < right and top < bottom):
        raise ValueError(f"case {name}: window {values['window']} is empty")
    values.setdefault("height", bottom - top)
    values["unreliable"] = (*clip.unreliable, *values.get("unreliable", ()))
    values["tags"] = (*clip.tags, *values.get("tags", ()))
    _check_unreliable(name, values["unreliable"])
    case = Case(clip=clip, **values)
    assert case.exposures, "parse_frames gives at least one, or raises"
    return case


def _tuples(entry: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()}


def _check_unreliable(name: str, groups: tuple[str, ...]) -> None:
    unknown = sorted(set(groups) - set(UNRELIABLE))
    if unknown:
        raise ValueError(f"{name}: unreliable may name {', '.join(UNRELIABLE)}, not {unknown[0]}")
