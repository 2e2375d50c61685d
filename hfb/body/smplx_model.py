"""What the body takes from the package smplx: its buffers, and its names of vertices."""

from __future__ import annotations

import numpy as np
import torch
from smplx import SMPL
from smplx.utils import Struct
from smplx.vertex_ids import vertex_ids

from hfb.body.model_file import BodyFile
from hfb.errors import BodyModelError

# smplx reads no more than 10 coefficients from files with fewer than this many.
_SMPLX_SHAPE_SPACE = SMPL.SHAPE_SPACE_DIM


def smplx_model(file: BodyFile, num_betas: int, dtype: torch.dtype = torch.float32) -> SMPL:
    """The same body as smplx's own module, the reference that `SmplBody` is tested against.

    Args:
        file: arrays of the body.
        num_betas: shape coefficients to use.
        dtype: of its buffers.

    Returns:
        A `smplx.SMPL`.

    Raises:
        BodyModelError: if the file has fewer than `num_betas` shape coefficients.
    """
    available = file.shapedirs.shape[-1]
    if not 0 < num_betas <= min(available, _SMPLX_SHAPE_SPACE):
        raise BodyModelError(
            f"{file.path} has {available} shape coefficients, {num_betas} were asked for"
        )
    # Padding to smplx's full shape space lets it take any number of them, without its printed
    # warning about 10-coefficient files.
    padding = _SMPLX_SHAPE_SPACE - num_betas
    shapedirs = np.pad(file.shapedirs[..., :num_betas], ((0, 0), (0, 0), (0, padding)))
    return SMPL(
        model_path="",
        data_struct=Struct(
            v_template=file.v_template,
            shapedirs=shapedirs,
            posedirs=file.posedirs,
            J_regressor=file.joint_regressor,
            weights=file.weights,
            f=file.faces,
            kintree_table=np.array([file.parents, range(len(file.parents))]),
        ),
        num_betas=num_betas,
        dtype=dtype,
    )


def smplx_landmarks(file: BodyFile) -> dict[str, int]:
    """Smplx's named vertices, which hold for any file with SMPL's own mesh.

    Args:
        file: arrays of the body.

    Returns:
        Vertex of each name; empty for a mesh of another size.
    """
    if len(file.v_template) != 6890:
        return {}
    return {name: int(vertex) for name, vertex in vertex_ids["smplh"].items()}
