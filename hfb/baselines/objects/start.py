"""Where an object first moves: read off the mattes, since no network tells its silhouettes."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hfb.baselines.objects.motion import CAMERA_DISTANCE, object_camera
from hfb.baselines.objects.problem import ObjectProblem
from hfb.baselines.restoration.motion import motion_from_matte
from hfb.baselines.restoration.settings import RestoreSettings

# One motion for the whole object, as long as its matte allows.
_WHOLE = RestoreSettings(window=1.0, max_length=1.0)


def start_path(problem: ObjectProblem) -> Float[Tensor, "2 3"]:
    """First and last position of an object, in the plane where it fills half of the image.

    Of several photos from where their mattes lie; of one from its matte's ramps, whose direction of
    time is a guess.

    Args:
        problem: the photos.
    """
    mattes = [frame[0].double().numpy() for frame in problem.alpha]
    centres = np.stack([_centre(matte) for matte in mattes])
    if len(centres) > 1:
        displacement = (centres[-1] - centres[0]) / (len(centres) - 1)
    else:
        field = motion_from_matte(mattes[0], _WHOLE)
        displacement = np.average(field.reshape(-1, 2), axis=0, weights=mattes[0].ravel())
    half = displacement / 2
    ends = np.stack([centres[0] - half, centres[-1] + half]) - problem.size / 2
    place = ends * (CAMERA_DISTANCE / float(object_camera(problem.size).focal[0]))
    # Rows count downwards, the objects' y upwards.
    path = np.concatenate([place * [1.0, -1.0], np.zeros((2, 1))], 1)
    return torch.from_numpy(path).float()


def _centre(matte: np.ndarray) -> np.ndarray:
    """Centre of mass, px, pixel centres at +0.5."""
    rows, columns = (np.arange(n) + 0.5 for n in matte.shape)
    total = matte.sum()
    return np.array([(matte.sum(0) * columns).sum(), (matte.sum(1) * rows).sum()]) / total
