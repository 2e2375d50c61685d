"""Bodies for the tests: the shipped one, and a tiny random one for finite differences."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import roma
import torch
from torch import Tensor

from hfb.body import SmplBody, load_body
from hfb.body.model_file import BodyFile, read_body_file
from hfb.structures import BodyParams

PARENTS = [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21]


def _tiny_fields(
    num_verts: int = 9, num_betas: int = 10, moved_share: float = 0.1
) -> dict[str, np.ndarray]:
    """Fields of a SMPL-format file with 24 joints but few vertices, all random.

    `moved_share` of the (vertex, joint) pairs are coupled by the pose blend shapes.
    """
    rng = np.random.default_rng(0)
    weights = rng.random((num_verts, 24)) * (rng.random((num_verts, 24)) < 0.2)
    weights[:, 3] += 0.1
    regressor = rng.random((24, num_verts))
    coupled = rng.random((num_verts, 1, 23, 1)) < moved_share
    posedirs = rng.normal(size=(num_verts, 3, 23, 9)) * 0.1 * coupled
    return {
        "v_template": rng.normal(size=(num_verts, 3)),
        "shapedirs": rng.normal(size=(num_verts, 3, num_betas)) * 0.1,
        "posedirs": posedirs.reshape(num_verts, 3, 207),
        "J_regressor": regressor / regressor.sum(1, keepdims=True),
        "weights": weights / weights.sum(1, keepdims=True),
        "f": np.array([[i, (i + 1) % num_verts, (i + 2) % num_verts] for i in range(num_verts)]),
        "kintree_table": np.array([[2**32 - 1, *PARENTS[1:]], range(24)]),
    }


def _random_params(
    generator: torch.Generator,
    betas_shape: tuple[int, ...],
    leading: tuple[int, ...],
    dtype: torch.dtype = torch.float64,
) -> tuple[BodyParams, Tensor]:
    """Random shape, pose and place that require gradients; also the pose as rotation vectors."""

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)

    rotvec = normal(*leading, 24, 3) * 0.5
    pose = roma.rotvec_to_rotmat(rotvec).requires_grad_()
    betas = normal(*betas_shape, 10).requires_grad_()
    return BodyParams(betas, pose, normal(*leading, 3).requires_grad_()), rotvec


@pytest.fixture(scope="session")
def tiny_fields() -> Callable[..., dict[str, np.ndarray]]:
    """Makes the fields of a small random body file."""
    return _tiny_fields


@pytest.fixture
def random_params(generator: torch.Generator) -> Callable[..., tuple[BodyParams, Tensor]]:
    """Makes random body parameters."""
    return partial(_random_params, generator)


@pytest.fixture(scope="session")
def tiny_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("body") / "tiny.npz"
    np.savez(path, **_tiny_fields())
    return path


@pytest.fixture(scope="session")
def free_file(repo: Path) -> BodyFile:
    return read_body_file(repo / "checkpoints" / "free_body.npz")


@pytest.fixture(scope="session")
def free_body() -> SmplBody:
    return load_body()


@pytest.fixture(scope="session")
def free_body_f64() -> SmplBody:
    return load_body(dtype=torch.float64)
