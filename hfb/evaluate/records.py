"""The metrics of a finished sample as JSON and CSV hold them."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hfb.errors import InputError
from hfb.evaluate.results import FitMetrics, SampleResult
from hfb.evaluate.trust.warnings import explains_nothing, verdicts_of, warnings_of_result
from hfb.export import atomic_write
from hfb.formation import blur_rate
from hfb.structures import BlurSample

Record = dict[str, Any]
"""What `result.json` of a sample holds."""


def record_of(results: list[SampleResult]) -> Record:
    """The metrics of a finished sample, as JSON can hold them."""
    item = results[0].item
    sample = item.sample
    record = {
        "sample_id": sample.sample_id,
        "digest": digest_of(sample),
        "frames": len(sample.blurry),
        "blur_rate": blur_rate_of(sample),
        "source": sample.source,
        "camera_is_known": item.camera_is_known,
        "initial": asdict(results[0].initial_metrics),
        "methods": {
            result.method: {
                "seconds": result.seconds,
                "warnings": [warning.code for warning in warnings_of_result(result)],
                "explains_nothing": explains_nothing(warnings_of_result(result)),
                "guard": guard_of(result),
                **asdict(result.metrics),
            }
            for result in results
        },
    }
    if results[0].unlifted_metrics is not None:
        record["unlifted"] = asdict(results[0].unlifted_metrics)
    return record


def guard_of(result: SampleResult) -> list[Record]:
    """What the guard says of each photo of a result; empty for methods that it does not judge."""
    return [asdict(verdict) for verdict in verdicts_of(result)]


def rows_of(record: Record) -> list[dict[str, str]]:
    """Rows of `per_sample.csv`: each method's metrics, the start's as `init_…`."""
    names = metric_names()
    initial = {f"init_{name}": _cell(record["initial"][name]) for name in names}
    return [
        {
            "sample_id": record["sample_id"],
            "method": method,
            "frames": str(record["frames"]),
            "blur_rate": _cell(record["blur_rate"]),
            **{name: _cell(metrics[name]) for name in names},
            "risk": _cell(mean_of_guard(metrics.get("guard", []), "risk")),
            "sure": _cell(mean_of_guard(metrics.get("guard", []), "sure")),
            "seconds": _cell(metrics["seconds"]),
            "warnings": " ".join(metrics.get("warnings", [])),
            **initial,
        }
        for method, metrics in record["methods"].items()
    ]


def mean_of_guard(guard: list[Record], name: str) -> float | None:
    """What the guard says, of several photos the mean; None where it says nothing.

    Args:
        guard: of the record of a method.
        name: "risk" or "sure".
    """
    known = [photo[name] for photo in guard if photo.get(name) is not None]
    return sum(known) / len(known) if known else None


def metric_names() -> list[str]:
    """The metrics that are single numbers, those that need truth first."""
    names = [name for name in FitMetrics.__dataclass_fields__ if "per_joint" not in name]
    return names[2:] + names[:2]


def non_finite_metrics(results: list[SampleResult]) -> list[str]:
    """Names of metrics that are NaN or infinite: such a result must not enter a mean."""
    faulty = []
    for result in results:
        for metrics in (result.metrics, result.initial_metrics, result.unlifted_metrics):
            for name, value in (asdict(metrics) if metrics else {}).items():
                values = value.values() if isinstance(value, dict) else [value]
                if any(v is not None and not math.isfinite(v) for v in values):
                    faulty.append(f"{result.method} {name}")
    return sorted(set(faulty))


def blur_rate_of(sample: BlurSample) -> float | None:
    """Eq. (12): as the sample states it, else from its true silhouettes, mean over the photos."""
    if sample.blur_rate is not None:
        return sample.blur_rate
    if sample.target is None or sample.target.silhouettes is None:
        return None
    rate = float(blur_rate(sample.target.silhouettes).mean())
    return rate if math.isfinite(rate) else None


def digest_of(sample: BlurSample) -> str:
    """Checksum of what a result depends on: images, matte, camera, timing, start and truth."""
    hasher = hashlib.sha256()
    tensors = [sample.blurry, sample.background, sample.alpha, sample.exposure]
    if sample.camera is not None:
        tensors += [sample.camera.focal, sample.camera.principal_point]
    if sample.target is not None:
        tensors += [sample.target.joints, sample.target.times, sample.target.silhouettes]
    for tensor in tensors:
        if tensor is not None:
            hasher.update(tensor.contiguous().cpu().numpy().tobytes())
    if sample.estimate_path is not None:
        hasher.update(Path(sample.estimate_path).read_bytes())
    return hasher.hexdigest()[:16]


def read_csv(path: Path) -> list[dict[str, str]]:
    """Rows of a table that `write_csv` has written; none where there is no such table.

    Raises:
        InputError: if the file is no table of samples.
    """
    if not path.is_file():
        return []
    try:
        with path.open(newline="") as table:
            rows = list(csv.DictReader(table))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read ({error}): choose another folder") from error
    if rows and "sample_id" not in rows[0]:
        raise InputError(f"{path} is no table of samples: choose another folder")
    return rows


def write_csv(path: Path, rows: list[dict[str, str]]) -> None:
    """Write rows of equal keys as a table, whole or not at all."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with atomic_write(path) as part:
        part.write_text(text.getvalue())


def _cell(value: float | int | bool | None) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, int) else f"{value:.4f}"
