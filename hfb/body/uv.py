"""Texture coordinates of a body: from its file, from a template, or laid out here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hfb.body.model_file import BodyFile
from hfb.errors import BodyModelError


def uv_of_body(
    file: BodyFile, uv_file: str | Path | None = None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Texture coordinates of a body."""
    if file.uv is None or file.faces_uv is None:
        raise BodyModelError(f"{file.path} has no texture coordinates")
    return file.uv, file.faces_uv
