"""The library of hand-authored actions in `actions.yaml`, checked and expanded to full poses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from hfb.errors import InputError

Pose = dict[str, float]

LIBRARY_FILE = Path(__file__).with_name("actions.yaml")

SIDE_ANGLES = (
    *("hip_flex", "hip_abd", "hip_rot", "knee", "ankle", "flat", "toe"),
    *("sh_flex", "sh_abd", "sh_turn", "sh_rot", "elbow", "fore", "wrist"),
)
TORSO_ANGLES = (
    *("root_pitch", "root_roll", "root_yaw", "spine_flex", "spine_side", "spine_twist"),
    *("neck_flex", "neck_side", "neck_twist"),
)
ANGLES = (
    *TORSO_ANGLES,
    *(f"l_{name}" for name in SIDE_ANGLES),
    *(f"r_{name}" for name in SIDE_ANGLES),
)

# Active ranges of healthy adults (rounded from clinical goniometry tables, widened by 10-15 degrees
# for athletic movement), degrees.
LIMITS: dict[str, tuple[float, float]] = {
    "hip_flex": (-28.0, 122.0),
    "hip_abd": (-22.0, 62.0),
    "hip_rot": (-40.0, 50.0),
    "knee": (1.0, 142.0),
    "ankle": (-28.0, 52.0),
    "toe": (-55.0, 30.0),
    "sh_flex": (-58.0, 178.0),
    "sh_abd": (4.0, 172.0),
    "sh_turn": (-35.0, 60.0),
    "sh_rot": (-92.0, 85.0),
    "elbow": (2.0, 142.0),
    "fore": (-75.0, 75.0),
    "wrist": (-55.0, 65.0),
    "spine_flex": (-28.0, 75.0),
    "spine_side": (-34.0, 34.0),
    "spine_twist": (-48.0, 48.0),
    "neck_flex": (-42.0, 48.0),
    "neck_side": (-32.0, 32.0),
    "neck_twist": (-68.0, 68.0),
}


@dataclass(frozen=True)
class Script:
    """One authored action.

    Attributes:
        keys: complete poses (degrees) with their times in s.
        focus: times between which an exposure may be centred: where something happens, s.
        flights: times between which no foot touches the ground, s.
        cyclic: the last pose is followed by the first.
    """

    keys: tuple[tuple[float, Pose], ...]
    focus: tuple[float, float]
    flights: tuple[tuple[float, float], ...] = ()
    cyclic: bool = False


def _two_sided(pose: Mapping[str, int | float], where: str) -> Pose:
    """Names without a side stand for both; unknown names are errors."""
    full: Pose = {}
    for name, value in pose.items():
        names = (f"l_{name}", f"r_{name}") if name in SIDE_ANGLES else (name,)
        if names[0] not in ANGLES:
            raise InputError(f"{LIBRARY_FILE.name}: {where}: no angle is called {name!r}")
        full |= {each: float(value) for each in names}
    return full


@lru_cache(maxsize=1)
def load_library() -> tuple[Pose, dict[str, Script]]:
    """The standing pose and the actions by name.

    Raises:
        InputError: if the file names an angle that does not exist.
    """
    content = yaml.safe_load(LIBRARY_FILE.read_text(encoding="utf-8"))
    poses = {name: _two_sided(pose, name) for name, pose in content["poses"].items()}
    standing = dict.fromkeys(ANGLES, 0.0) | poses["standing"]
    scripts = {}
    for name, action in content["actions"].items():
        keys = tuple(
            (
                float(key["time"]),
                standing | poses[key.get("base", "standing")] | _two_sided(key["pose"], name),
            )
            for key in action["keys"]
        )
        flights = tuple((float(a), float(b)) for a, b in action.get("flights", ()))
        start, end = (float(t) for t in action["focus"])
        scripts[name] = Script(keys, (start, end), flights, action.get("cyclic", False))
    return standing, scripts
