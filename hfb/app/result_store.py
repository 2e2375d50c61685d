"""The results of an evaluation on disk: whole or absent, so a run can be killed and go on.

Each finished sample is a folder `samples/<id>` that appears by a rename and holds its figures in
`result.json`; each unusable one is a file `unusable/<id>.json`. Everything else (tables, means) is
computed from these, so it does not depend on who made them, when, and in which order.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from hfb import __version__
from hfb.errors import InputError
from hfb.evaluate.metrics_of_fit import FitMetrics, SampleResult
from hfb.export import atomic_folder, atomic_write
from hfb.fit.fitter import Fitter
from hfb.formation import blur_rate
from hfb.report.write_baseline import fill_baseline_folder
from hfb.report.write_frame import fill_folder
from hfb.structures import BlurSample, BrokenSample

RESULT_NAME = "result.json"
# What decides neither about the samples nor about their results.
_FREE_OPTIONS = {"trainer", "output", "config", "verbose", "return_predictions"}
_FREE_MODEL_OPTIONS = {"output", "picture_every", "show_progress"}

Record = dict[str, Any]


class ResultStore:
    """Results of an evaluation, one folder a sample.

    Args:
        root: the folder of the run.
        inputs: folders with a folder a sample whose files decide about results, too.
    """

    def __init__(self, root: Path, inputs: list[Path] | None = None) -> None:
        self.root = root
        self.inputs = inputs or []
        self._records: dict[str, Record] = {}

    def open(self, config_text: str) -> None:
        """Begin or go on with a run.

        Args:
            config_text: the resolved configuration, as YAML.

        Raises:
            InputError: if the folder holds results of another configuration.
        """
        path = self.root / "config.yaml"
        if path.is_file():
            changes = config_changes(path.read_text(), config_text)
            if changes:
                raise InputError(
                    f"{self.root} holds results of another configuration ({'; '.join(changes)}): "
                    "choose another --output, or delete it"
                )
            return
        if (self.root / "samples").is_dir():
            raise InputError(
                f"{self.root} holds results, but not the config.yaml they were made with: choose "
                "another --output"
            )
        with atomic_write(path) as part:
            part.write_text(config_text)

    def records(self) -> list[Record]:
        """All finished samples by name; files already read are not read again."""
        names = {path.parent.name for path in (self.root / "samples").glob(f"*/{RESULT_NAME}")}
        for name in names - set(self._records):
            path = self.root / "samples" / name / RESULT_NAME
            self._records[name] = json.loads(path.read_text())
        return [self._records[name] for name in sorted(names)]

    def unusable(self) -> list[BrokenSample]:
        """All samples that entered no mean, by name."""
        paths = sorted((self.root / "unusable").glob("*.json"))
        return [BrokenSample(**json.loads(path.read_text())) for path in paths]

    def is_finished(self, sample: BlurSample) -> bool:
        """Whether this very sample has been finished: same name, same pictures."""
        path = self.root / "samples" / sample.sample_id / RESULT_NAME
        if not path.is_file():
            return False
        return json.loads(path.read_text()).get("digest") == self.digest(sample)

    def digest(self, sample: BlurSample) -> str:
        """Checksum of what a sample's results depend on, files of other programs included."""
        digest = digest_of(sample)
        paths = [path for root in self.inputs for path in (root / sample.sample_id).glob("*")]
        for path in sorted(path for path in paths if path.is_file()):
            content = f"{digest} {path.name} ".encode() + path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:16]
        return digest

    def write(self, results: list[SampleResult], fitter: Fitter) -> Record:
        """Write a sample finished by one or more methods; the first one's files come first.

        Raises:
            InputError: if the folder cannot be written.
        """
        record = record_of(results)
        record["digest"] = self.digest(results[0].item.sample)
        name = record["sample_id"]
        with atomic_folder(self.root / "samples" / name) as folder:
            for k, result in enumerate(results):
                place = folder / result.method if k else folder
                place.mkdir(exist_ok=True)
                if not fill_baseline_folder(place, result, fitter):
                    fill_folder(place, result, fitter)
            (folder / RESULT_NAME).write_text(json.dumps(record, indent=1) + "\n")
        (self.root / "unusable" / f"{name}.json").unlink(missing_ok=True)
        self._records[name] = record
        return record

    def write_unusable(self, broken: BrokenSample) -> None:
        """Note a sample that cannot be used."""
        with atomic_write(self.root / "unusable" / f"{broken.sample_id}.json") as part:
            part.write_text(json.dumps(asdict(broken), indent=1) + "\n")
        shutil.rmtree(self.root / "samples" / broken.sample_id, ignore_errors=True)
        self._records.pop(broken.sample_id, None)

    def write_rows(self) -> None:
        """Write `per_sample.csv`: one row a sample and method."""
        rows = [row for record in self.records() for row in rows_of(record)]
        if rows:
            write_csv(self.root / "per_sample.csv", rows)


def record_of(results: list[SampleResult]) -> Record:
    """The figures of a finished sample, as JSON can hold them."""
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
            result.method: {"seconds": result.seconds, **asdict(result.metrics)}
            for result in results
        },
    }
    if results[0].unlifted_metrics is not None:
        record["unlifted"] = asdict(results[0].unlifted_metrics)
    return record


def rows_of(record: Record) -> list[dict[str, str]]:
    """Rows of `per_sample.csv`: each method's figures, the start's as `init_…`."""
    names = metric_names()
    initial = {f"init_{name}": _cell(record["initial"][name]) for name in names}
    return [
        {
            "sample_id": record["sample_id"],
            "method": method,
            "frames": str(record["frames"]),
            "blur_rate": _cell(record["blur_rate"]),
            **{name: _cell(metrics[name]) for name in names},
            "seconds": _cell(metrics["seconds"]),
            **initial,
        }
        for method, metrics in record["methods"].items()
    ]


def metric_names() -> list[str]:
    """The figures that are single numbers, those with truth first."""
    names = [name for name in FitMetrics.__dataclass_fields__ if name != "per_joint_mm"]
    return names[2:] + names[:2]


def non_finite_metrics(results: list[SampleResult]) -> list[str]:
    """Names of figures that are NaN or infinite: such a result must not enter a mean."""
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
    """Checksum of what a result depends on: pictures, matte, camera, timing, start and truth."""
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


def config_changes(kept: str, wanted: str) -> list[str]:
    """Where two configurations differ in what decides about results; at most three are named."""
    before, after = _deciding(kept), _deciding(wanted)
    names = [n for n in sorted(before.keys() | after.keys()) if before.get(n) != after.get(n)]
    lines = [f"{n}: {before.get(n, 'absent')} there, {after.get(n, 'absent')} now" for n in names]
    return [*lines[:3], f"and {len(lines) - 3} more"] if len(lines) > 3 else lines


def config_fingerprint(text: str) -> str:
    """Eight characters that change with everything that decides about results."""
    return hashlib.sha256(json.dumps(_deciding(text)).encode()).hexdigest()[:8]


def _deciding(text: str) -> dict[str, str]:
    """Flat options of a configuration without those that results do not depend on."""
    config = yaml.safe_load(text) or {}
    config = {key: value for key, value in config.items() if key not in _FREE_OPTIONS}
    model = config.get("model")
    if isinstance(model, dict):
        config["model"] = {k: v for k, v in model.items() if k not in _FREE_MODEL_OPTIONS}
    flat: dict[str, str] = {"hfb": __version__}

    def walk(value: object, name: str) -> None:
        if isinstance(value, dict) and value:
            for key in sorted(value):
                walk(value[key], f"{name}.{key}" if name else str(key))
        elif isinstance(value, list) and any(isinstance(v, dict) for v in value):
            for k, entry in enumerate(value):
                walk(entry, f"{name}.{k}")
        else:
            flat[name] = str(value)

    walk(config, "")
    return dict(sorted(flat.items()))


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
