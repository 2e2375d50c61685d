"""Where the results of a run go when nobody says where."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from hfb.app.output.kept import read_config
from hfb.app.output.result_store import config_fingerprint
from hfb.errors import InputError
from hfb.evaluate.records import read_csv

OUTPUTS = Path("outputs")
FOLDERS = ("samples", "unusable", "images", "tensorboard")
FILES = (
    "config.yaml",
    "per_sample.csv",
    "report.html",
    "summary.txt",
    "metrics.json",
    "table.md",
)


def default_output(command: str, config_text: str) -> Path:
    """A folder below `outputs/`.

    Args:
        command: predict or test.
        config_text: the resolved configuration, as YAML.

    Returns:
        For a photo or clip named after the time; for many photos and for a test after the
        configuration, so that a stopped run goes on.
    """
    if command == "predict" and not _is_of_many(config_text):
        # To the millisecond: predictions that a loop starts at once have folders of their own.
        return OUTPUTS / datetime.now().strftime("%Y-%m-%d_%H-%M-%S.%f")[:-3]
    return OUTPUTS / f"{command}-{config_fingerprint(config_text)}"


def _is_of_many(config_text: str) -> bool:
    """Whether a prediction is of a folder of photos."""
    if "folder:" not in config_text:
        return False
    data = read_config(config_text).get("data")
    arguments = data.get("init_args") if isinstance(data, dict) else None
    return isinstance(arguments, dict) and arguments.get("folder") is not None


def check_output(root: Path) -> None:
    """Find out before the work whether results have room in a folder.

    Args:
        root: of a run.

    Raises:
        InputError: if a file is in the place of a folder or the other way round, or what another
            run has left there cannot be added to.
    """
    for name in (*FOLDERS, *FILES):
        path, is_folder = root / name, name in FOLDERS
        if os.path.lexists(path) and not (path.is_dir() if is_folder else path.is_file()):
            raise InputError(
                f"cannot write to {root}: {path} is no {'folder' if is_folder else 'file'}; choose "
                "another output folder, or remove it"
            )
        if path.is_dir() and not os.access(path, os.W_OK | os.X_OK):
            raise InputError(f"cannot write to {path}: Permission denied; choose another folder")
    read_csv(root / "per_sample.csv")
