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
from hfb.processors import run_blocks

_NUM_BLOCKS = 2
"""Blocks of frames that are posed at the same time; always as many, so that sums stay the same."""


def _frames_of(block: int, num_frames: int) -> slice:
    return slice(block * num_frames // _NUM_BLOCKS, (block + 1) * num_frames // _NUM_BLOCKS)


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
        shared, outputs = _arrays(inputs), _arrays((moved, verts, joints))

        def work(block: int) -> None:
            rows = _frames_of(block, len(verts))
            rest_verts, verts_of, rest_joints, joints_of, *own = shared
            forward_frames(
                rest_verts, verts_of[rows], rest_joints, joints_of[rows],
                *(array[rows] for array in own), tables, *(array[rows] for array in outputs),
            )  # fmt: skip

        run_blocks(_NUM_BLOCKS, work)
        ctx.save_for_backward(moved, *inputs[1:5])
        ctx.tables = tables
        ctx.num_rest_verts = len(rest_verts)
        return verts, joints

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_verts: Tensor, grad_joints: Tensor) -> tuple[Tensor | None, ...]:
        moved, verts_of_frame, rest_joints, joints_of_frame, rotmat = ctx.saved_tensors
        # What frames share is added up block by block.
        grad_rest_verts = moved.new_zeros(_NUM_BLOCKS, ctx.num_rest_verts, *moved.shape[1:])
        grad_rest_joints = moved.new_zeros(_NUM_BLOCKS, *rest_joints.shape)
        grad_rotmat = torch.zeros_like(rotmat)
        grad_transl = rotmat.new_zeros(len(rotmat), 3)
        given = _arrays(
            (grad_verts.contiguous(), grad_joints.contiguous(), moved, verts_of_frame,
             joints_of_frame, rotmat, rest_joints)
        )  # fmt: skip
        found = _arrays((grad_rest_verts, grad_rest_joints, grad_rotmat, grad_transl))

        def work(block: int) -> None:
            rows = _frames_of(block, len(rotmat))
            verts, joints, before, verts_of, joints_of, rot = (array[rows] for array in given[:-1])
            backward_frames(
                verts, joints, before, verts_of, given[-1], joints_of, rot, ctx.tables,
                found[0][block], found[1][block], found[2][rows], found[3][rows],
            )  # fmt: skip

        run_blocks(_NUM_BLOCKS, work)
        shared = grad_rest_verts.sum(0), grad_rest_joints.sum(0)
        return shared[0], None, shared[1], None, grad_rotmat, grad_transl, None


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
