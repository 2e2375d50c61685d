"""Fixtures of the renderer's tests."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

# Tests are collected by path, which leaves their folder off the import path: the scenes and the
# slow reference beside them are modules of their own.
sys.path.append(str(Path(__file__).parent))


@pytest.fixture(scope="session")
def body(repo: Path) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The free body at rest: verts (centred, m), faces, uv, faces_uv."""
    path = repo / "checkpoints" / "free_body.npz"
    if not path.is_file():
        pytest.skip(f"needs the free body at {path}")
    with np.load(path) as data:
        verts = torch.from_numpy(data["v_template"].astype(np.float32))
        faces = torch.from_numpy(data["f"].astype(np.int64))
        uv = torch.from_numpy(data["vt"].astype(np.float32))
        faces_uv = torch.from_numpy(data["ft"].astype(np.int64))
    return verts - (verts.amin(0) + verts.amax(0)) / 2, faces, uv, faces_uv


@pytest.fixture(params=["torch", "numba", "warp"])
def backend(request: pytest.FixtureRequest) -> str:
    if request.param == "warp":
        pytest.importorskip("warp", reason="needs warp-lang")
    return request.param


@pytest.fixture(params=["coverage", "contour", "dibr"])
def mode(request: pytest.FixtureRequest) -> str:
    return request.param
