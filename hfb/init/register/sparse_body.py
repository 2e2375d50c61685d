"""Joints and a handful of vertices of a body, with their derivatives in closed form.

Registration needs some 40 points, not 6,890 vertices, and Gauss-Newton needs their Jacobian: for a
joint tree it is a cross product with the lever arm, so no automatic differentiation is used. Pose
blend shapes (millimetres at the vertices used here) are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hfb.body import SmplBody
from hfb.geometry import cross_matrix


@dataclass(frozen=True)
class PosedPoints:
    """Points of posed bodies.

    Attributes:
        points: first the joints, then the chosen vertices, m.
        by_rotation: derivative by a small rotation vector of each joint, applied in its own frame
            (R becomes R·exp(delta)), m/rad.
        by_betas: derivative by the shape coefficients, m.
    """

    points: Float[Tensor, "K P 3"]
    by_rotation: Float[Tensor, "K P 3 J3"]
    by_betas: Float[Tensor, "K P 3 S"]

    @property
    def by_step(self) -> Float[Tensor, "K P 3 D"]:
        """Derivative by a step of `BodyState`: rotations, betas and translation, in this order."""
        identity = torch.eye(3, dtype=self.points.dtype, device=self.points.device)
        by_transl = identity.expand(*self.points.shape[:2], 3, 3)
        return torch.cat([self.by_rotation, self.by_betas, by_transl], dim=-1)


@dataclass(frozen=True)
class SparseBody:
    """What is needed to pose the joints and some vertices, in float64.

    Attributes:
        parents: parent of each joint, -1 for the root.
        rest: joints, then chosen vertices, in the rest pose, m.
        shapedirs: their displacement per unit of each shape coefficient, m.
        weights: skinning weights of the chosen vertices.
        is_below: entry (j, k) says that joint k is joint j or below it in the tree.
    """

    parents: tuple[int, ...]
    rest: Float[Tensor, "P 3"]
    shapedirs: Float[Tensor, "P 3 S"]
    weights: Float[Tensor, "V J"]
    is_below: Bool[Tensor, "J J"]

    @classmethod
    def from_body(cls, body: SmplBody, vertices: list[int]) -> SparseBody:
        """Take the joints and the named vertices out of a body.

        Args:
            body: any SMPL-format body.
            vertices: indices of the vertices to keep.
        """
        num_joints = len(body.parents)
        index = torch.tensor(vertices, dtype=torch.long, device=body.template.device)
        rest = torch.cat([body.template_joints, body.template[index]]).double()
        shapedirs = torch.cat([body.joint_shapedirs, body.shapedirs[:, index]], dim=1)
        is_below = torch.eye(num_joints, dtype=torch.bool, device=rest.device)
        for joint in range(num_joints - 1, 0, -1):
            is_below[body.parents[joint]] |= is_below[joint]
        return cls(
            parents=body.parents,
            rest=rest,
            shapedirs=shapedirs.permute(1, 2, 0).double(),
            weights=body.weights[index].double(),
            is_below=is_below,
        )

    def pose(
        self,
        rotmat: Float[Tensor, "K J 3 3"],
        betas: Float[Tensor, "K S"],
        transl: Float[Tensor, "K 3"],
    ) -> PosedPoints:
        """Pose the points and differentiate them.

        Args:
            rotmat: rotation of each joint relative to its parent, root first.
            betas: shape coefficients.
            transl: smplx's transl, m.
        """
        num_joints = len(self.parents)
        rest = self.rest + torch.einsum("pcs,ks->kpc", self.shapedirs, betas)
        frames, joints, joints_by_betas = self._chain(rotmat, rest[:, :num_joints], transl)
        below = self.is_below.to(rotmat.dtype)
        # Lever arms of the joints: from joint j to every joint k below it.
        arms = torch.einsum("jk,bkjc->bkjc", below, joints[:, :, None] - joints[:, None])
        points, by_betas = joints, joints_by_betas
        if len(self.weights):
            verts, verts_arms, verts_by_betas = self._skin(
                frames, joints, joints_by_betas, rest, below
            )
            points = torch.cat([joints, verts], dim=1)
            arms = torch.cat([arms, verts_arms], dim=1)
            by_betas = torch.cat([joints_by_betas, verts_by_betas], dim=1)
        # A rotation omega in the joint's frame moves a point by (G omega) x arm = -[arm]x G omega.
        by_rotation = -cross_matrix(arms) @ frames[:, None]
        by_rotation = by_rotation.permute(0, 1, 3, 2, 4).flatten(-2)
        return PosedPoints(points, by_rotation, by_betas)

    def _chain(
        self, rotmat: Tensor, rest_joints: Tensor, transl: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Global rotation, position and position by betas of every joint."""
        shapedirs = self.shapedirs[: len(self.parents)]
        num_bodies, num_joints = len(rotmat), len(self.parents)
        frames = torch.empty_like(rotmat)
        joints = rotmat.new_empty(num_bodies, num_joints, 3)
        by_betas = rotmat.new_empty(num_bodies, num_joints, *shapedirs.shape[1:])
        frames[:, 0], joints[:, 0] = rotmat[:, 0], rest_joints[:, 0] + transl
        by_betas[:, 0] = shapedirs[0]
        # Joints equally far from the root together: the tree is less than half as deep as long.
        for own, parents in self._levels:
            frame = frames[:, parents]
            bone = (rest_joints[:, own] - rest_joints[:, parents]).unsqueeze(-1)
            joints[:, own] = joints[:, parents] + (frame @ bone).squeeze(-1)
            by_betas[:, own] = by_betas[:, parents] + frame @ (shapedirs[own] - shapedirs[parents])
            frames[:, own] = frame @ rotmat[:, own]
        return frames, joints, by_betas

    @cached_property
    def _levels(self) -> list[tuple[list[int], list[int]]]:
        """Joints by their distance from the root, from 1, and the parent of each."""
        depth = [0] * len(self.parents)
        for joint, parent in enumerate(self.parents[1:], start=1):
            depth[joint] = depth[parent] + 1
        levels = []
        for level in range(1, max(depth) + 1):
            own = [joint for joint, at in enumerate(depth) if at == level]
            levels.append((own, [self.parents[joint] for joint in own]))
        return levels

    def _skin(
        self, frames: Tensor, joints: Tensor, joints_by_betas: Tensor, rest: Tensor, below: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Vertices, their lever arms to every joint, and their derivative by betas."""
        num_joints = len(self.parents)
        offset = rest[:, num_joints:, None] - rest[:, None, :num_joints]
        # Where each vertex would be if it followed joint j alone.
        each = torch.einsum("bjcd,bvjd->bvjc", frames, offset) + joints[:, None]
        verts = torch.einsum("vj,bvjc->bvc", self.weights, each)
        share = self.weights @ below.T  # how much of vertex v moves with joint j
        arms = torch.einsum("vk,jk,bvkc->bvjc", self.weights, below, each)
        arms = arms - share[None, :, :, None] * joints[:, None]
        dirs = self.shapedirs[num_joints:, None] - self.shapedirs[None, :num_joints]
        by_betas = torch.einsum("vj,bjcd,vjds->bvcs", self.weights, frames, dirs)
        by_betas = by_betas + torch.einsum("vj,bjcs->bvcs", self.weights, joints_by_betas)
        return verts, arms, by_betas
