"""One recording of motion capture. World frame z-up, metres, as in AMASS."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float

from hfb.skeleton import POSE_SIZES

POSE_SIZE = POSE_SIZES["smpl"]
"""Numbers of a SMPL pose: three for the root and for each of the 23 body joints."""

MAX_RATE_HZ = 1e4
"""No camera of a motion-capture studio is faster."""

Z_UP_TO_Y_UP = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""Rotation from the recordings' world to one with y up: x stays, z becomes y."""

VAL_SHARE = 5
"""One subject in five is a validation subject where no manifest says otherwise."""


@dataclass(frozen=True)
class MocapClip:
    """One recording.

    Attributes:
        name: of the recording, unique within a collection.
        subject: who moves; train and validation never share one.
        poses: rotation vectors in SMPL's order, root first (model frame y-up to world z-up), rad;
            the hands are zero where the file has fingers instead.
        transl: smplx's `transl`, m.
        frame_rate: Hz.
        valid: frames that may be used.
        split: "train" or "val"; None where nobody has decided.
    """

    name: str
    subject: str
    poses: Float[np.ndarray, "F 72"]
    transl: Float[np.ndarray, "F 3"]
    frame_rate: float
    valid: Bool[np.ndarray, " F"]
    split: str | None = None

    def __len__(self) -> int:
        return len(self.poses)


def split_of_subject(subject: str) -> str:
    """Train or val by a stable hash of the subject's name; one subject in five is val."""
    digest = hashlib.sha256(subject.encode()).digest()
    return "val" if digest[0] % VAL_SHARE == 0 else "train"
