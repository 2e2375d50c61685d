"""A person's shadow on the ground, made cheaply: silhouettes of the flattened body."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from datamodules.synthetic.camera_placement import SceneCamera
from hfb.render import hard_silhouettes

_SHARE = 0.6
_NUM_TIMES = 3
# A low sun throws shadows behind the camera, where nothing projects.
_LEAST_HEIGHT = 0.4
_NEAREST_M = 0.3


def shadow_left(
    verts: Float[Tensor, "N V 3"],
    faces: Int[Tensor, "F 3"],
    towards: Float[Tensor, " 3"],
    placed: SceneCamera,
    rng: np.random.Generator,
) -> Float[Tensor, "1 H W"]:
    """Share of its light that the ground still gets, under the lamp and under the whole sky.

    Args:
        verts: over the exposure, world with y up and the ground at y = 0, m.
        faces: of the mesh.
        towards: direction to the lamp, world.
        placed: the camera.
        rng: source of randomness.

    Returns:
        One everywhere for people who throw no shadow.
    """
    camera = placed.camera
    left = torch.ones(1, camera.height, camera.width)
    if rng.random() > _SHARE:
        return left
    times = np.linspace(0, len(verts) - 1, min(_NUM_TIMES, len(verts))).round().astype(int)
    # Flattened, half of the faces look away; both sides throw a shadow.
    both_sides = torch.cat([faces, faces.flip(-1)])
    for direction, strength, softness in (
        (towards, float(rng.uniform(0.2, 0.75)), float(rng.uniform(0.8, 6.0))),
        (torch.tensor([0.0, 1.0, 0.0]), float(rng.uniform(0.1, 0.4)), float(rng.uniform(4, 10))),
    ):
        slope = direction / direction[1].clamp(min=_LEAST_HEIGHT)
        slope[1] = 1.0
        flat = verts[times] - verts[times][..., 1:2] * slope
        flat = placed.transform(flat)
        if float(flat[..., 2].min()) < _NEAREST_M:
            continue
        hidden = hard_silhouettes(flat, both_sides, camera)
        soft = cv2.GaussianBlur(hidden.float().mean(0).numpy(), (0, 0), softness)
        left = left * (1.0 - strength * torch.from_numpy(soft))
    return left
