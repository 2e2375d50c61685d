"""Bodies: their parameters, where these put them, and their surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor

from hfb.batch import Batch


@dataclass(frozen=True)
class BodyIdentity:
    """Which body model a set of betas belongs to; betas of different bodies are not exchangeable.

    Attributes:
        name: for example "free_body" or "smpl_neutral".
        sha256: checksum of the model file; empty where it is not known.
        model_type: the family, AMASS's word: smpl, smplh, smplx.
        gender: neutral, male or female.
    """

    name: str
    sha256: str = ""
    model_type: str = "smpl"
    gender: str = "neutral"


@dataclass(frozen=True)
class BodyParams(Batch):
    """Parameters of a SMPL-format body.

    Attributes:
        betas: shape coefficients; broadcast over the leading axes of the pose.
        pose_rotmat: rotation of the root (entry 0, model frame to camera frame) and of each body
            joint relative to its parent.
        transl: smplx's `transl`, camera frame, m.
    """

    betas: Float[Tensor, "*S K"]
    pose_rotmat: Float[Tensor, "*B J 3 3"]
    transl: Float[Tensor, "*B 3"]


@dataclass(frozen=True)
class PosedBody(Batch):
    """A body put into a pose.

    Attributes:
        verts: mesh vertices, camera frame, m.
        joints: the SMPL joints, camera frame, m.
    """

    verts: Float[Tensor, "*B V 3"]
    joints: Float[Tensor, "*B J 3"]


@dataclass(frozen=True)
class Mesh(Batch):
    """A textured triangle mesh at N sub-frame times.

    Attributes:
        verts: camera frame, m.
        faces: vertex indices, counter-clockwise seen from outside.
        uv: texture coordinates in [0, 1], v up.
        faces_uv: indices into `uv`, one a face corner (seams split vertices).
        texture: one a sample, shared by its sub-frames; row 0 is v = 1.
    """

    shared: ClassVar[tuple[str, ...]] = ("faces", "uv", "faces_uv")

    verts: Float[Tensor, "*B N V 3"]
    faces: Int[Tensor, "F 3"]
    uv: Float[Tensor, "U 2"]
    faces_uv: Int[Tensor, "F 3"]
    texture: Float[Tensor, "*B 3 TH TW"]
