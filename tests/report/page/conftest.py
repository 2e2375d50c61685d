"""A fit in little, and the page of a run that has it several times."""

import json
import shutil
from pathlib import Path

import pytest
from started_samples import with_start

import hfb
from datamodules import synthetic
from hfb.evaluate.records import read_csv, write_csv
from hfb.report.page import CARD_NAME, write_run_page, write_sample_page

STAGE = {"num_steps": 3, "refresh_matte": False, "choose_directions": False}
SETTINGS = {
    "image_size": 64,
    "texture_size": 32,
    "num_subframes": 2,
    "stages": [STAGE] * 3,
    "show_progress": False,
}


@pytest.fixture(scope="session")
def fit() -> hfb.Fit:
    """Of a single photo whose truth is known."""
    return hfb.fit(with_start(synthetic.embedded_example(0)), **SETTINGS)


@pytest.fixture(scope="session")
def saved(fit: hfb.Fit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with this photo alone."""
    root = tmp_path_factory.mktemp("saved")
    fit.save(root)
    return root


@pytest.fixture
def many(saved: Path, tmp_path: Path) -> Path:
    """A run of 14 samples, each of them the photo, with errors of 10, 20, … mm."""
    root = tmp_path / "many"
    (row,) = read_csv(saved / "per_sample.csv")
    (folder,) = (saved / "samples").iterdir()
    card = json.loads((folder / CARD_NAME).read_text())
    rows = []
    for k in range(14):
        name = f"s{k:02d}"
        shutil.copytree(folder, root / "samples" / name)
        (root / "samples" / name / CARD_NAME).write_text(json.dumps({**card, "sample_id": name}))
        changed = {"sample_id": name, "mpjpe_best_direction_mm": f"{10 * (k + 1)}"}
        rows.append({**row, **changed, "blur_rate": f"{0.05 * (k + 1):.2f}"})
    write_csv(root / "per_sample.csv", rows)
    write_run_page(root)
    return root


@pytest.fixture
def paged(many: Path) -> Path:
    """The same, where each sample has a page of its own."""
    for row in read_csv(many / "per_sample.csv"):
        write_sample_page(many / "samples" / row["sample_id"], [row])
    write_run_page(many)
    return many
