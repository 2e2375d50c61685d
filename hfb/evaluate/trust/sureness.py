"""How sure a finished fit is, by what fits of photos with known truth have taught.

The probability that it is near the truth, and how far each joint may be off. Not in the paper. Two
small regressions on the signs of a fit (`hfb.evaluate.trust.signs`), whose weights
are plain numbers in `checkpoints/sureness.json`, made by `benchmarks/bench_trust.py`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from hfb.assets import find_asset
from hfb.errors import InputError
from hfb.evaluate.trust.signs import Signs

FAR_MM = 150.0
"""MPJPE (in the better direction of time) from which a fit counts as failed."""

FILE_NAME = "sureness.json"
_FORMAT, _VERSION = "hfb-sureness", 1

# What of a sign enters: what is measured in mm or as a ratio counts by its logarithm. The floors
# are below what any fit of ours has.
_FLOORS = {
    "start_mm": 1.0,
    "lifted_mm": 1.0,
    "spread_mm": 1.0,
    "moved_mm": 1.0,
    "unexplained": 0.01,
    "matte_iou": 0.01,
    "path_mm": 1.0,
    "tilt_deg": 1.0,
}
SIGN_NAMES = tuple(_FLOORS)
JOINT_SIGN_NAMES = ("start_mm", "moved_mm")
_MEAN_LENGTH = math.sqrt(8.0 / math.pi)
"""Mean length of a vector of three normally distributed numbers of standard deviation 1."""


@dataclass(frozen=True)
class Weight:
    """What one sign contributes.

    Attributes:
        centre: mean over the fits that it was learned from; stands in for a sign that is not known.
        weight: of the difference from it.
    """

    centre: float
    weight: float

    def of(self, value: float | None) -> float:
        """The contribution of a value."""
        return 0.0 if value is None else self.weight * (value - self.centre)


@dataclass(frozen=True)
class SurenessModel:
    """The weights of both regressions.

    Attributes:
        bias: log odds of a failure where all signs are at their centres.
        signs: of the log odds of a failure, by sign.
        joint_bias: logarithm of the expected distance of each joint from the truth, mm, by name.
        joint_signs: of that logarithm: the joint's own signs, and `failure`, the log odds above.
        card: what it was learned from.
    """

    bias: float
    signs: Mapping[str, Weight]
    joint_bias: Mapping[str, float]
    joint_signs: Mapping[str, Weight]
    card: Mapping[str, Any]

    def failure_logit(self, signs: Signs) -> float:
        """Log odds that the fit is off by more than `FAR_MM`."""
        values = photo_values(signs)
        return self.bias + sum(weight.of(values[name]) for name, weight in self.signs.items())

    def joint_sigma_mm(self, signs: Signs, names: Sequence[str]) -> dict[str, float]:
        """Standard deviation of each joint along each axis, mm; 0 for the root.

        Args:
            signs: of the fit.
            names: of its joints; one that the weights do not know gets the mean of the others.
        """
        logit = self.failure_logit(signs)
        known = list(self.joint_bias.values())
        found = {names[0]: 0.0}
        for joint, name in list(enumerate(names))[1:]:
            values = {**joint_values(signs, joint), "failure": logit}
            logarithm = self.joint_bias.get(name, sum(known) / len(known))
            logarithm += sum(w.of(values[sign]) for sign, w in self.joint_signs.items())
            found[name] = math.exp(logarithm) / _MEAN_LENGTH
        return found


@dataclass(frozen=True)
class Sureness:
    """How sure the fit of one photo is.

    Attributes:
        sure: probability that its MPJPE is below `FAR_MM`.
        joint_sigma_mm: standard deviation of each joint along each axis at mid-exposure, by name,
            relative to the pelvis; the expected distance from the truth is 1.6 times as much.
        signs: what it was judged by.
    """

    sure: float
    joint_sigma_mm: Mapping[str, float]
    signs: Signs


def sureness_of(signs: Signs, names: Sequence[str], model: SurenessModel | None = None) -> Sureness:
    """How sure a fit is.

    Args:
        signs: of the fit.
        names: of its joints, the root first.
        model: the weights; the shipped ones if None.
    """
    model = model or load_sureness()
    # Signs of a fit that has run away must not overflow.
    logit = min(max(model.failure_logit(signs), -30.0), 30.0)
    return Sureness(1.0 / (1.0 + math.exp(logit)), model.joint_sigma_mm(signs, names), signs)


def expected_mm(sigma_mm: float) -> float:
    """Expected distance from the truth where each axis has this standard deviation, mm."""
    return _MEAN_LENGTH * sigma_mm


def photo_values(signs: Signs) -> dict[str, float | None]:
    """The signs of a photo as the regression takes them; None where one is not known."""
    return {
        name: None if value is None else math.log(max(value, _FLOORS[name]))
        for name, value in asdict(signs).items()
        if name in _FLOORS
    }


def joint_values(signs: Signs, joint: int) -> dict[str, float | None]:
    """The signs of one joint as the regression takes them.

    Args:
        signs: of the fit.
        joint: its number.
    """
    start, moved = signs.joint_start_mm, signs.joint_moved_mm[joint]
    return {
        "start_mm": None if start is None else math.log(max(start[joint], _FLOORS["start_mm"])),
        "moved_mm": math.log(max(moved, _FLOORS["moved_mm"])),
    }


@lru_cache(maxsize=2)
def load_sureness(path: Path | None = None) -> SurenessModel:
    """Read the weights.

    Args:
        path: the file; the shipped one if None.

    Raises:
        AssetNotFoundError: if the shipped file is not there.
        InputError: if the file is none of this kind.
    """
    path = find_asset(FILE_NAME) if path is None else path
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if (content["format"], content["version"]) != (_FORMAT, _VERSION):
            raise ValueError("another format or version")
        return SurenessModel(
            float(content["bias"]),
            _weights(content["signs"], SIGN_NAMES),
            {str(name): float(value) for name, value in content["joint_bias"].items()},
            _weights(content["joint_signs"], (*JOINT_SIGN_NAMES, "failure")),
            dict(content["card"]),
        )
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path} is no table of weights that benchmarks/bench_trust.py has written: {error}"
        ) from error


def content_of(model: SurenessModel) -> dict[str, Any]:
    """What the file of a model holds."""
    return {"format": _FORMAT, "version": _VERSION, **asdict(model)}


def _weights(content: Mapping[str, Any], known: Sequence[str]) -> dict[str, Weight]:
    unknown = set(content) - set(known)
    if unknown:
        raise ValueError(f"unknown signs {', '.join(sorted(unknown))}")
    return {name: Weight(float(w["centre"]), float(w["weight"])) for name, w in content.items()}
