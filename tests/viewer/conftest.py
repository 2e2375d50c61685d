"""The run of a small fit."""

from pathlib import Path

import pytest
from started_samples import with_start

import hfb
from datamodules import synthetic

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
def run(fit: hfb.Fit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("run")
    fit.save(root)
    return root
