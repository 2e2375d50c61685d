"""The results of an evaluation on disk: whole or absent, so a run can be killed and go on.

Each finished sample is a folder `samples/<id>` that appears by a rename and holds its metrics in
`result.json`; each unusable one is a file `unusable/<id>.json`. Everything else (tables, means) is
computed from these, so it does not depend on who made them, when, and in which order.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from hfb import __version__
from hfb.app.output.kept import read_broken, read_config, read_record
from hfb.errors import InputError
from hfb.evaluate.records import Record, digest_of, record_of, rows_of, write_csv
from hfb.evaluate.results import SampleResult
from hfb.refine.fitter import Fitter
from hfb.report.curves import Curves
from hfb.report.folder import fill_folder
from hfb.report.page import write_sample_page
from hfb.report.settings import ReportSettings
from hfb.storage import atomic_folder, atomic_write
from hfb.structures import BlurSample, BrokenSample

RESULT_NAME = "result.json"
_log = logging.getLogger(__name__)
Kept = TypeVar("Kept")
# What decides neither about the samples nor about their results.
_FREE_OPTIONS = {"trainer", "output", "config", "verbose", "return_predictions"}
_FREE_MODEL_OPTIONS = {"output", "image_every", "report", "show_progress", "workers"}


class ResultStore:
    """Results of an evaluation, one folder a sample.

    Args:
        root: the folder of the run.
        inputs: folders with a folder a sample whose files decide about results, too.
        settings: which files a result has.
    """

    def __init__(
        self,
        root: Path,
        inputs: list[Path] | None = None,
        settings: ReportSettings | None = None,
    ) -> None:
        self.root = root
        self.settings = settings or ReportSettings()
        self.inputs = inputs or []
        self._records: dict[str, Record] = {}
        self._damaged: set[Path] = set()

    def open(self, config_text: str) -> None:
        """Begin or go on with a run.

        Args:
            config_text: the resolved configuration, as YAML.

        Raises:
            InputError: if the folder holds results of another configuration.
        """
        path = self.root / "config.yaml"
        if path.is_file():
            try:
                changes = config_changes(path.read_text(encoding="utf-8"), config_text)
            except (OSError, ValueError) as error:
                raise InputError(
                    f"{path}, the configuration that the results in {self.root} were made with, "
                    f"cannot be read ({error}): choose another --output"
                ) from error
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
            part.write_text(config_text, encoding="utf-8")

    def records(self) -> list[Record]:
        """All finished samples by name, but for those that cannot be used any more."""
        paths = (self.root / "samples").glob(f"*/{RESULT_NAME}")
        # Not what another process of the run is writing just now, under a name with a dot.
        names = {path.parent.name for path in paths if not path.parent.name.startswith(".")}
        names -= {path.stem for path in self._unusable_files()}
        return [record for name in sorted(names) if (record := self.record(name))]

    def unusable(self) -> list[BrokenSample]:
        """All samples that entered no mean, by name."""
        notes = [self._read(path, read_broken) for path in self._unusable_files()]
        return [note for note in notes if note is not None]

    def _unusable_files(self) -> list[Path]:
        return sorted((self.root / "unusable").glob("[!.]*.json"))

    def finished(self, name: str, digest: str) -> Record | None:
        """The record of this very sample, if it has been finished.

        Args:
            name: of the sample.
            digest: of what its results depend on.
        """
        record = self.record(name)
        if record is None or record.get("digest") != digest:
            return None
        self._clear_unusable(name)
        return record

    def record(self, name: str) -> Record | None:
        """What is kept under a sample's name, whatever images it was made from."""
        path = self.root / "samples" / name / RESULT_NAME
        if not path.is_file():
            return None
        if name not in self._records:
            record = self._read(path, read_record)
            if record is None:
                return None
            self._records[name] = record
        return self._records[name]

    def _read(self, path: Path, read: Callable[[Path], Kept]) -> Kept | None:
        """What is kept in a file; None, after a warning, if it is damaged."""
        try:
            return read(path)
        except (OSError, ValueError) as error:
            if path not in self._damaged:
                self._damaged.add(path)
                _log.warning("%s is damaged (%s): the sample is evaluated anew", path, error)
            return None

    def digest(self, sample: BlurSample) -> str:
        """Checksum of what a sample's results depend on, files of other programs included."""
        digest = digest_of(sample)
        paths = [path for root in self.inputs for path in (root / sample.sample_id).glob("*")]
        for path in sorted(path for path in paths if path.is_file()):
            content = f"{digest} {path.name} ".encode() + path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:16]
        return digest

    def write(
        self,
        results: list[SampleResult],
        fitter: Fitter,
        curves: Sequence[Curves] = (),
        digest: str | None = None,
    ) -> Record:
        """Write a sample finished by one or more methods; the first one's files come first.

        Args:
            results: one a method.
            fitter: the tools of the run.
            curves: of its fit, one a photo.
            digest: of what the results depend on; None: found from the sample.

        Raises:
            InputError: if the folder cannot be written.
        """
        record = record_of(results)
        record["digest"] = digest or self.digest(results[0].item.sample)
        name = record["sample_id"]
        with atomic_folder(self.root / "samples" / name) as folder:
            for k, result in enumerate(results):
                place = folder / result.method if k else folder
                place.mkdir(exist_ok=True)
                fill_folder(place, result, fitter, self.settings, None if k else curves)
            if self.settings.page:
                write_sample_page(folder, rows_of(record))
            (folder / RESULT_NAME).write_text(json.dumps(record, indent=1) + "\n")
        self._clear_unusable(name)
        self.take(record)
        return record

    def take(self, record: Record) -> None:
        """Remember what has been written, here or by a worker, in place of what was there before.

        Args:
            record: of the sample.
        """
        self._records[record["sample_id"]] = record

    def _clear_unusable(self, name: str) -> None:
        (self.root / "unusable" / f"{name}.json").unlink(missing_ok=True)

    def keep_notes_of(self, names: Sequence[str]) -> None:
        """Remove notes about samples that the run does not have any more.

        Args:
            names: of all samples of the run.
        """
        for path in self._unusable_files():
            if path.stem not in names:
                path.unlink(missing_ok=True)

    def write_unusable(self, broken: BrokenSample) -> None:
        """Note a sample that cannot be used.

        It enters no mean, but what was finished under its name stays on disk: once the sample can
        be used again, it is not refined anew.
        """
        with atomic_write(self.root / "unusable" / f"{broken.sample_id}.json") as part:
            part.write_text(json.dumps(asdict(broken), indent=1) + "\n")

    def write_rows(self) -> None:
        """Write `per_sample.csv`: one row a sample and method."""
        rows = [row for record in self.records() for row in rows_of(record)]
        if rows:
            write_csv(self.root / "per_sample.csv", rows)


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
    config = {k: v for k, v in read_config(text).items() if k not in _FREE_OPTIONS}
    model = config.get("model")
    if isinstance(model, dict):
        config["model"] = {k: v for k, v in model.items() if k not in _FREE_MODEL_OPTIONS}
    flat: dict[str, str] = {"hfb": __version__}

    def walk(value: object, name: str) -> None:
        if isinstance(value, dict) and value:
            for key in sorted(value, key=str):
                walk(value[key], f"{name}.{key}" if name else str(key))
        elif isinstance(value, list) and any(isinstance(v, dict) for v in value):
            for k, entry in enumerate(value):
                walk(entry, f"{name}.{k}")
        else:
            flat[name] = str(value)

    walk(config, "")
    return dict(sorted(flat.items()))
