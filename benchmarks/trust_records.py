"""Records of fits whose truth is known: what `bench_trust.py` learns from and reports on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hfb.errors import InputError
from hfb.evaluate.trust.signs import Signs
from hfb.evaluate.trust.sureness import FAR_MM, Sureness, sureness_of

MaybeNumber = float | None
_ERROR = "mpjpe_best_direction_mm"


@dataclass(frozen=True)
class Fitted:
    """A fit whose truth is known.

    Attributes:
        sample_id: which photo.
        kind: of photo: the protocol, the first part of its name.
        blur_rate: eq. 12.
        signs: of the fit.
        error_mm: MPJPE in the better direction of time.
        joint_error_mm: of each joint at mid-exposure, by name, root first.
        metrics: of the fit, and of its starts: `plain`, `lifted`, `refined`.
    """

    sample_id: str
    kind: str
    blur_rate: float
    signs: Signs
    error_mm: float
    joint_error_mm: dict[str, float]
    metrics: dict[str, dict[str, Any]]

    @property
    def failed(self) -> bool:
        """Whether it is off by `FAR_MM` or more."""
        return self.error_mm >= FAR_MM

    def judged(self) -> Sureness:
        """What the weights on disk say of it."""
        return sureness_of(self.signs, list(self.joint_error_mm))


def read_records(folder: Path) -> list[Fitted]:
    """The fits of a folder, by name; samples without a result are left out.

    Args:
        folder: of `bench_trust.py measure`, or of a run of `run_hfb.py test`.

    Raises:
        InputError: if there is none.
    """
    paths = sorted([*folder.glob("*.json"), *folder.glob("samples/*/result.json")])
    records = [json.loads(path.read_text()) for path in paths]
    fits = [fitted_of(record) for record in records if "methods" in record]
    if not fits:
        raise InputError(f"no records of fits in {folder.absolute()}")
    return fits


def fitted_of(record: dict[str, Any]) -> Fitted:
    """A record of `hfb.evaluate.records.record_of` of a single photo.

    Raises:
        InputError: if it was made by an earlier version, or has no truth.
    """
    metrics = record["methods"]["hfb"]
    joints = metrics.get("mid_exposure_per_joint_mm")
    if joints is None or not metrics["guard"] or "signs" not in metrics["guard"][0]:
        raise InputError(f"{record['sample_id']}: no truth, or a record of an earlier version")
    signs = metrics["guard"][0]["signs"]
    tuples = {name: v if v is None else tuple(v) for name, v in signs.items() if "joint" in name}
    return Fitted(
        sample_id=record["sample_id"],
        kind=record["sample_id"].partition("_bin")[0],
        blur_rate=record["blur_rate"],
        signs=Signs(**{**signs, **tuples}),
        error_mm=metrics[_ERROR],
        joint_error_mm=joints,
        metrics={
            "plain": record.get("unlifted", record["initial"]),
            "lifted": record["initial"],
            "refined": metrics,
        },
    )
