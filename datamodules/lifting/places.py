"""Places without people, before which training images are drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from datamodules.lifting.scene import IMAGE_SIZE
from datamodules.synthetic.camera_placement import CameraRange, place_camera
from datamodules.synthetic.shading import Light
from datamodules.synthetic.world.background import photograph, procedural_place
from hfb.body import SmplBody
from hfb.formation import linear_to_srgb
from hfb.structures import BodyParams

_NUM_PROCEDURAL, _NUM_PHOTOS = 64, 200


def draw_places(body: SmplBody, folder: Path | None) -> UInt8[Tensor, "P 3 S S"]:
    """Procedural places, and photographs if there are any; the same in every process.

    Args:
        body: stands where the camera looks.
        folder: photographs; None: there are none.

    Returns:
        sRGB.
    """
    rng, size = np.random.default_rng(0), IMAGE_SIZE
    verts = body(BodyParams(torch.zeros(10), torch.eye(3).expand(24, 3, 3), torch.zeros(3))).verts
    verts = verts - torch.stack([torch.tensor(0.0), verts[:, 1].min(), torch.tensor(0.0)])
    images = []
    for _ in range(_NUM_PROCEDURAL):
        facing = torch.tensor([0.0, 0.0, 1.0])
        placed = place_camera(verts[None], facing, size, size, CameraRange(), rng)
        light = Light(
            direction=placed.world_to_camera @ torch.tensor([0.4, 0.8, 0.45]),
            up=placed.world_to_camera @ torch.tensor([0.0, 1.0, 0.0]),
            lamp=torch.full((3,), 0.6),
            ambient=torch.full((3,), 0.6),
        )
        images.append(procedural_place(placed, light, rng).image)
    if folder is not None:
        images += [photograph(folder, size, size, rng) for _ in range(_NUM_PHOTOS)]
    return (linear_to_srgb(torch.stack(images)).clamp(0, 1) * 255).round().byte()
