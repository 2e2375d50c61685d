"""Skinning on the CPU in float32: the compiled loops of `skinning_kernels`, tied to autograd."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from hfb.body.skinning_kernels import backward_frames, forward_frames
from hfb.body.skinning_tables import SkinningTables


def _arrays(tensors: Sequence[Tensor]) -> list[NDArray[Any]]:
    return [tensor.numpy() for tensor in tensors]


class _SkinFrames(torch.autograd.Function):
    """Connects the compiled loops to autograd; no state is shared between calls."""

    @staticmethod
    def forward(
        ctx: Any,
        rest_verts: Tensor,
        verts_of_frame: Tensor,
        rest_joints: Tensor,
        joints_of_frame: Tensor,
        rotmat: Tensor,
        transl: Tensor,
        tables: SkinningTables,
    ) -> tuple[Tensor, Tensor]:
        verts = rotmat.new_empty(len(rotmat), rest_verts.shape[1], 3)
        moved = torch.empty_like(verts)
        joints = rotmat.new_empty(len(rotmat), rest_joints.shape[1], 3)
        inputs = [
            x.detach().contiguous()
            for x in (rest_verts, verts_of_frame, rest_joints, joints_of_frame, rotmat, transl)
        ]
        outputs = (moved, verts, joints)
        forward_frames(*_arrays(inputs), tables, *_arrays(outputs))
        ctx.save_for_backward(moved, *inputs[1:5])
        ctx.tables = tables
        ctx.num_rest_verts = len(rest_verts)
        return verts, joints

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_verts: Tensor, grad_joints: Tensor) -> tuple[Tensor | None, ...]:
        moved, verts_of_frame, rest_joints, joints_of_frame, rotmat = ctx.saved_tensors
        grad_rest_verts = moved.new_zeros(ctx.num_rest_verts, *moved.shape[1:])
        grad_rest_joints = torch.zeros_like(rest_joints)
        grad_rotmat = torch.zeros_like(rotmat)
        grad_transl = rotmat.new_zeros(len(rotmat), 3)
        inputs = (
            grad_verts.contiguous(),
            grad_joints.contiguous(),
            moved,
            verts_of_frame,
            rest_joints,
            joints_of_frame,
            rotmat,
        )
        outputs = (grad_rest_verts, grad_rest_joints, grad_rotmat, grad_transl)
        backward_frames(*_arrays(inputs), ctx.tables, *_arrays(outputs))
        return grad_rest_verts, None, grad_rest_joints, None, grad_rotmat, grad_transl, None


def skin_frames(
    rest_verts: Float[Tensor, "*R V 3"],
    rest_joints: Float[Tensor, "*S J 3"],
    pose_rotmat: Float[Tensor, "*B J 3 3"],
    transl: Float[Tensor, "*B 3"],
    tables: SkinningTables,
) -> tuple[Float[Tensor, "*B V 3"], Float[Tensor, "*B J 3"]]:
    """Pose bodies with the compiled loops; float32 on the CPU only.

    Gradients reach all four tensors, once (no second derivatives).

    Args:
        rest_verts: vertices in the rest pose, m; leading axes broadcast to the pose's.
        rest_joints: joints in the rest pose, m; leading axes broadcast to the pose's.
        pose_rotmat: rotation of each joint relative to its parent, root first.
        transl: added to everything, m.
        tables: constants of the body.

    Returns:
        Posed vertices and joints, m.
    """
    leading = pose_rotmat.shape[:-3]
    verts, joints = _SkinFrames.apply(
        rest_verts.reshape(-1, *rest_verts.shape[-2:]),
        _rows_of_frames(rest_verts.shape[:-2], leading),
        rest_joints.reshape(-1, *rest_joints.shape[-2:]),
        _rows_of_frames(rest_joints.shape[:-2], leading),
        pose_rotmat.reshape(-1, *pose_rotmat.shape[-3:]),
        transl.reshape(-1, 3),
        tables,
    )
    return verts.reshape(*leading, -1, 3), joints.reshape(*leading, -1, 3)


def _rows_of_frames(shared: torch.Size, leading: torch.Size) -> Tensor:
    """Which row of a tensor with leading axes `shared` each of the broadcast frames reads."""
    return torch.arange(shared.numel()).reshape(shared).expand(leading).reshape(-1)
