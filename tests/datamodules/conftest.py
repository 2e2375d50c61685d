"""A clip that several readers are tested on."""

from pathlib import Path

import numpy as np
import pytest
from videos import moving_square, write_clip


@pytest.fixture
def images() -> np.ndarray:
    return moving_square()


@pytest.fixture
def clip(tmp_path: Path, images: np.ndarray) -> Path:
    return write_clip(tmp_path / "clip.mkv", images)
