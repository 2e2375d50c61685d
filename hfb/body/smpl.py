"""The body: SMPL-format files through smplx, evaluated fast for many poses of one shape."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from hfb.body.kinematics import joint_frames
from hfb.body.locate import find_body_file, guess_gender
from hfb.body.model_file import BodyFile, read_body_file
from hfb.body.skinning import pose_offsets, skin
from hfb.body.skinning_numba import skin_frames
from hfb.body.skinning_tables import make_tables
from hfb.body.smplx_model import smplx_landmarks, smplx_model
from hfb.body.uv import uv_of_body
from hfb.errors import ShapeError
from hfb.skeleton import SMPL_JOINT_NAMES
from hfb.structures import BodyIdentity, BodyParams, PosedBody

# Share of (vertex, joint) pairs that the pose blend shapes couple; measured on two CPU cores.
_SPARSE_BELOW = 0.15


class SmplBody(nn.Module):
    """A SMPL-format body; everything it knows is in buffers, there is nothing to train.

    The buffers are not part of the state dict: a checkpoint names the body by `identity`.

    Attributes:
        identity: which model file the betas belong to.
        parents: parent of each joint, -1 for the root.
        joint_names: SMPL's names of the 24 joints.
        num_betas: shape coefficients in use.
        landmark_vertices: named vertices (nose, eyes, ears, finger tips, toes, heels).
        template: mean shape in the rest pose, m.
        faces: vertex indices, counter-clockwise seen from outside.
        uv: texture coordinates in [0, 1], v up.
        faces_uv: indices into `uv`.
        use_compiled: use the compiled loops where they apply (float32 on the CPU; they have first
            derivatives only); on by default.
    """

    template: Float[Tensor, "V 3"]
    shapedirs: Float[Tensor, "K V 3"]
    weights: Float[Tensor, "V J"]
    template_joints: Float[Tensor, "J 3"]
    joint_shapedirs: Float[Tensor, "K J 3"]
    active_verts: Int[Tensor, " A"]
    active_posedirs: Float[Tensor, "P 3 A"]
    faces: Int[Tensor, "F 3"]
    uv: Float[Tensor, "U 2"]
    faces_uv: Int[Tensor, "F 3"]

    def __init__(
        self,
        file: BodyFile,
        identity: BodyIdentity,
        num_betas: int = 10,
        uv_file: str | Path | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Build the body from the arrays of a file.

        Args:
            file: what `read_body_file` returned.
            identity: name and checksum of the file.
            num_betas: shape coefficients to use.
            uv_file: texture coordinates for files without them, see `uv_of_body`.
            dtype: of all buffers.

        Raises:
            BodyModelError: if the file has fewer than `num_betas` shape coefficients.
        """
        super().__init__()
        self.identity = identity
        self.num_betas = num_betas
        self.parents = file.parents
        self.joint_names = SMPL_JOINT_NAMES
        self.landmark_vertices = file.landmark_vertices or smplx_landmarks(file)
        self.use_compiled = True
        arrays = dict(smplx_model(file, num_betas, torch.float64).named_buffers())
        uv, faces_uv = uv_of_body(file, uv_file)
        arrays |= {"uv": torch.from_numpy(uv), "faces_uv": torch.from_numpy(faces_uv)}
        for name, values in _buffers(arrays).items():
            values = values.to(dtype) if values.is_floating_point() else values
            self.register_buffer(name, values.contiguous(), persistent=False)
        # Dense blend shapes (SMPL's own) are faster as one matrix product than vertex by vertex.
        coupled = (arrays["posedirs"].unflatten(0, (-1, 9)).unflatten(-1, (-1, 3)) != 0).any(-1)
        density = coupled.any(dim=1).double().mean()
        sparse = arrays["posedirs"] * (density < _SPARSE_BELOW)
        self._tables = make_tables(arrays["lbs_weights"], sparse, file.parents)

    def shape(
        self, betas: Float[Tensor, "*B K"]
    ) -> tuple[Float[Tensor, "*B V 3"], Float[Tensor, "*B J 3"]]:
        """Vertices and joints of a shape in the rest pose.

        Args:
            betas: shape coefficients, standard deviations of the model's population.

        Returns:
            Vertices and joints, model frame, m.

        Raises:
            ShapeError: if the number of coefficients is not the body's.
        """
        if betas.shape[-1] != self.num_betas:
            raise ShapeError(
                f"{betas.shape[-1]} betas given, the body {self.identity.name} uses "
                f"{self.num_betas}"
            )
        verts = self.template + (betas @ self.shapedirs.flatten(1)).unflatten(-1, (-1, 3))
        joints = self.template_joints + (betas @ self.joint_shapedirs.flatten(1)).unflatten(
            -1, (-1, 3)
        )
        return verts, joints

    def forward(self, params: BodyParams) -> PosedBody:
        """Pose the body.

        The shape is worked out once per entry of `betas`, however many poses it is broadcast to.

        Args:
            params: betas broadcast over the leading axes of the pose; the pose's
                rotations must be proper for the result to be a body, which is not checked.

        Returns:
            Vertices and joints in the frame that the global rotation leads to, m.

        Raises:
            ShapeError: if the numbers of betas or joints are not the body's.
        """
        self._check(params)
        rest_verts, rest_joints = self.shape(params.betas)
        leading = torch.broadcast_shapes(params.betas.shape[:-1], params.transl.shape[:-1])
        pose_rotmat = params.pose_rotmat.expand(*leading, -1, -1, -1)
        transl = params.transl.expand(*leading, -1)
        if self._is_compiled(params):
            return self._pose_compiled(rest_verts, rest_joints, pose_rotmat, transl)
        frames = joint_frames(pose_rotmat, rest_joints.expand(*leading, -1, -1), self.parents)
        verts = skin(
            rest_verts + self._pose_offsets(pose_rotmat), rest_joints, frames, self.weights
        )
        shift = transl.unsqueeze(-2)
        return PosedBody(verts=verts + shift, joints=frames.position + shift)

    def joints(self, params: BodyParams) -> Float[Tensor, "*B J 3"]:
        """The posed joints alone, without skinning.

        Args:
            params: as for `forward`.

        Returns:
            The 24 SMPL joints in the frame that the global rotation leads to, m.

        Raises:
            ShapeError: if the numbers of betas or joints are not the body's.
        """
        self._check(params)
        _, rest_joints = self.shape(params.betas)
        leading = torch.broadcast_shapes(params.betas.shape[:-1], params.transl.shape[:-1])
        frames = joint_frames(
            params.pose_rotmat.expand(*leading, -1, -1, -1),
            rest_joints.expand(*leading, -1, -1),
            self.parents,
        )
        return frames.position + params.transl.unsqueeze(-2)

    def _is_compiled(self, params: BodyParams) -> bool:
        """Whether the compiled loops can be used: float32 on the CPU throughout."""
        tensors = (self.template, params.betas, params.pose_rotmat, params.transl)
        return self.use_compiled and all(
            x.device.type == "cpu" and x.dtype == torch.float32 for x in tensors
        )

    def _pose_compiled(
        self,
        rest_verts: Float[Tensor, "*S V 3"],
        rest_joints: Float[Tensor, "*S J 3"],
        pose_rotmat: Float[Tensor, "*B J 3 3"],
        transl: Float[Tensor, "*B 3"],
    ) -> PosedBody:
        if len(self._tables.offset_joint) == 0 and len(self.active_verts) > 0:
            rest_verts = rest_verts + self._pose_offsets(pose_rotmat)
        verts, joints = skin_frames(rest_verts, rest_joints, pose_rotmat, transl, self._tables)
        return PosedBody(verts=verts, joints=joints)

    def _pose_offsets(self, pose_rotmat: Float[Tensor, "*B J 3 3"]) -> Float[Tensor, "*B V 3"]:
        return pose_offsets(
            pose_rotmat, self.active_posedirs, self.active_verts, len(self.template)
        )

    def _check(self, params: BodyParams) -> None:
        num_joints = params.pose_rotmat.shape[-3]
        if num_joints != len(self.parents):
            raise ShapeError(
                f"{num_joints} joint rotations given, the body has {len(self.parents)} joints "
                "(the root's rotation comes first)"
            )


def load_body(
    name_or_path: str | Path = "free_body",
    num_betas: int = 10,
    uv_file: str | Path | None = None,
    dtype: torch.dtype = torch.float32,
) -> SmplBody:
    """Load a body by name or from a file.

    Args:
        name_or_path: `free_body` (shipped, no licence needed), `smpl_neutral`, `smpl_male` or
            `smpl_female` (looked up in the asset folders), a SMPL-format file, or a folder that
            holds SMPL_NEUTRAL.npz or SMPL_NEUTRAL.pkl.
        num_betas: shape coefficients to use.
        uv_file: texture coordinates for files that have none, see `hfb.body.uv.uv_of_body`.
        dtype: of all buffers.

    Returns:
        The body.

    Raises:
        AssetNotFoundError: if there is no such file; says where it can be had and what works
            without it.
        BodyModelError: if the file is not a SMPL-format body.
    """
    path = find_body_file(name_or_path)
    file = read_body_file(path)
    identity = BodyIdentity(
        name=path.stem.lower(), sha256=file.sha256, model_type="smpl", gender=guess_gender(path)
    )
    return SmplBody(file, identity, num_betas=num_betas, uv_file=uv_file, dtype=dtype)


def _buffers(arrays: dict[str, Tensor]) -> dict[str, Tensor]:
    """What `SmplBody` keeps of smplx's buffers, arranged as it evaluates them."""
    template, shapedirs = arrays["v_template"], arrays["shapedirs"]
    regressor = arrays["J_regressor"]
    posedirs = arrays["posedirs"].unflatten(-1, (-1, 3)).transpose(1, 2)  # (P, 3, V)
    active = (posedirs != 0).any(dim=1).any(dim=0).nonzero().squeeze(-1)
    return {
        "template": template,
        "shapedirs": shapedirs.permute(2, 0, 1),
        "weights": arrays["lbs_weights"],
        # Joints are linear in betas: regressing them once here spares (J, V) products later.
        "template_joints": regressor @ template,
        "joint_shapedirs": torch.einsum("jv,vck->kjc", regressor, shapedirs),
        "active_verts": active,
        "active_posedirs": posedirs[..., active],
        "faces": arrays["faces_tensor"],
        "uv": arrays["uv"],
        "faces_uv": arrays["faces_uv"],
    }
