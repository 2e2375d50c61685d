"""Motion capture and a recipe that the generator is tested with."""

from pathlib import Path

import numpy as np
import pytest
from recordings import waving

from datamodules.synthetic.protocol import Recipe
from hfb.body import SmplBody, load_body


@pytest.fixture(scope="module")
def body() -> SmplBody:
    return load_body()


@pytest.fixture(scope="module")
def mocap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two AMASS files: subjects' folders, SMPL-H poses, 120 Hz, and a file of a body's shape."""
    root = tmp_path_factory.mktemp("amass") / "CMU"
    for subject, speed in (("01", 0.7), ("02", 1.6)):
        folder = root / subject
        folder.mkdir(parents=True)
        poses = np.zeros((420, 156))
        poses[:, :66] = waving(420, 120.0, speed)[:, :66]
        np.savez(
            folder / f"{subject}_01_poses.npz",
            poses=poses,
            trans=np.tile([0.0, 0.0, 0.95], (420, 1)),
            betas=np.zeros(16),
            mocap_framerate=120.00004,
            gender=np.array("male"),
        )
        np.savez(folder / "shape.npz", betas=np.zeros(16))
    return root


@pytest.fixture(scope="module")
def recipe(mocap: Path) -> Recipe:
    return Recipe(protocol="bt_amass", mocap=mocap, subjects="all", height=96, width=80)
