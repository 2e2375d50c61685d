"""Pairs as tensors: what the detector said, and the pose that it should have led to."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.geometry import rotvec_to_rotmat
from hfb.init.lift.encoding import LiftingInput, view_rotation

INPUT_ARRAYS = ("points", "heat", "world", "roi", "camera", "registered", "mask", "matte")
TRUTH_ARRAYS = ("pose", "joints", "betas", "blur_rate")


@dataclass(frozen=True)
class LiftingTruth:
    """The poses of B crops at mid-exposure, in the axes that the network works in.

    Attributes:
        rotmat: root first.
        joints: relative to the root, m.
        betas: shape.
        blur_rate: eq. (12).
    """

    rotmat: Float[Tensor, "B J 3 3"]
    joints: Float[Tensor, "B J 3"]
    betas: Float[Tensor, "B S"]
    blur_rate: Float[Tensor, " B"]


def batch_of(arrays: dict[str, Tensor]) -> tuple[LiftingInput, LiftingTruth]:
    """What the network sees and should answer, from arrays as the data module hands them out.

    Lightning refuses frozen dataclasses in batches, so they are made here.

    Args:
        arrays: those of `INPUT_ARRAYS` and `TRUTH_ARRAYS`, each with B rows.
    """
    values = {name: arrays[name].float() for name in (*INPUT_ARRAYS, *TRUTH_ARRAYS)}
    for name in ("mask", "matte"):
        values[name] = values[name] / 255
    values["registered"] = rotvec_to_rotmat(values["registered"])
    seen = LiftingInput(**{name: values[name] for name in INPUT_ARRAYS})
    view = view_rotation(seen)
    rotmat = rotvec_to_rotmat(values["pose"])
    joints = values["joints"] - values["joints"][:, :1]
    truth = LiftingTruth(
        rotmat=torch.cat([view[:, None] @ rotmat[:, :1], rotmat[:, 1:]], 1),
        joints=joints @ view.mT,
        betas=values["betas"],
        blur_rate=values["blur_rate"],
    )
    return seen, truth
