"""Where the root joint of any body of the SMPL family rests, read from its model file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hfb.body.model_file import read_fields
from hfb.errors import BodyModelError
from hfb.files.images import existing_file
from hfb.files.numbers import numbers_of


def rest_pelvis_of_file(path: str | Path, betas: NDArray[np.float64]) -> NDArray[np.float64]:
    """The root joint of shapes in the rest pose.

    Args:
        path: a model file of SMPL, SMPL-H or SMPL-X, npz or pkl.
        betas: (R, S) shape coefficients.

    Returns:
        (R, 3), model frame, m.

    Raises:
        InputError: if there is no such file, or it holds something else than numbers.
        BodyModelError: if it is no model file, or has fewer shape coefficients.
    """
    path = existing_file(path, "body model")
    fields = read_fields(path)
    missing = [key for key in ("v_template", "shapedirs", "J_regressor") if key not in fields]
    if missing:
        raise BodyModelError(f"{path} is no body model: it lacks {', '.join(missing)}")
    template, shapedirs, regressor = (
        numbers_of(fields[key], key, path) for key in ("v_template", "shapedirs", "J_regressor")
    )
    verts, count = len(template), betas.shape[1]
    fits = template.shape == (verts, 3) and regressor.shape[1:] == (verts,)
    if not fits or shapedirs.shape[:2] != (verts, 3):
        raise BodyModelError(f"{path}: v_template, shapedirs and J_regressor do not fit together")
    if shapedirs.shape[2] < count:
        raise BodyModelError(f"{path} has {shapedirs.shape[2]} shape coefficients, not {count}")
    by_beta = np.einsum("v,vck->kc", regressor[0], shapedirs[..., :count])
    return regressor[0] @ template + betas @ by_beta
