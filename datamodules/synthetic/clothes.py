"""Clothes with a thickness, hems and folds: what a naked mesh cannot fit exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hfb.body import SmplBody
from hfb.geometry import rotmat_to_rotvec, vertex_normals
from hfb.structures import BodyParams

# SMPL's joints of the limbs: (upper, lower) bone of each.
_LEGS = ((1, 4), (2, 5))
_ARMS = ((16, 18), (17, 19))
_TORSO = (0, 3, 6, 9, 13, 14)
_BARE = (7, 8, 10, 11, 12, 15, 20, 21, 22, 23)
_SMOOTHING_ROUNDS = 3


@runtime_checkable
class Clothes(Protocol):
    """Anything that lies on the body."""

    def offsets(
        self, body: SmplBody, params: BodyParams, times: Float[Tensor, " S"]
    ) -> Float[Tensor, "S V 3"]:
        """How far each vertex lies from the naked body's, camera frame, m.

        Args:
            body: the body underneath.
            params: its pose at S times, camera frame.
            times: since the start of the motion, s.
        """
        ...


@dataclass(frozen=True)
class Garments:
    """A shirt and trousers (or shorts, or a skirt's flare), each of its own looseness.

    Attributes:
        thickness: distance of the cloth from the skin at each vertex, m.
        fold_height: largest height of the folds at each vertex, m.
        phase: of the folds along the body, rad.
    """

    thickness: Float[Tensor, " V"]
    fold_height: Float[Tensor, " V"]
    phase: Float[Tensor, " V"]

    def offsets(
        self, body: SmplBody, params: BodyParams, times: Float[Tensor, " S"]
    ) -> Float[Tensor, "S V 3"]:
        """Along the posed normals: thickness, and folds that deepen where a joint bends."""
        normals = vertex_normals(body(params).verts, body.faces)
        creased = bend_of_skin(body, params)
        # Folds wander as the joint bends: their phase moves with the angle.
        ripple = torch.sin(self.phase + 2.5 * creased)
        amount = self.thickness + self.fold_height * creased * ripple
        return normals * amount.clamp(min=0.0).unsqueeze(-1)


def bend_of_skin(body: SmplBody, params: BodyParams) -> Float[Tensor, "S V"]:
    """How much the joints around each vertex are bent, 0 to 1: cloth is creased there."""
    angle = rotmat_to_rotvec(params.pose_rotmat[:, 1:]).norm(dim=-1)
    bend = torch.zeros(len(angle), body.weights.shape[1]).to(angle)
    bend[:, 1:] = angle
    # A bone's bend creases the cloth on both sides of its joint.
    parents = torch.tensor(body.parents[1:])
    bend = bend.index_add(1, parents, angle, alpha=0.5)
    return torch.tanh(0.8 * bend @ body.weights.T)


def draw_garments(body: SmplBody, betas: Float[Tensor, " K"], rng: np.random.Generator) -> Garments:
    """Dress a body at random: sleeve and leg lengths, looseness, flared hems.

    Args:
        body: to be dressed.
        betas: its shape.
        rng: source of randomness.
    """
    verts, joints = (x.double() for x in body.shape(betas))
    weights = body.weights.double()
    shirt, trousers = float(rng.uniform(0.006, 0.022)), float(rng.uniform(0.005, 0.02))
    sleeve, leg = float(rng.uniform(0.35, 1.0)), float(rng.uniform(0.3, 1.0))
    cover = _cover(weights, list(_TORSO)) * shirt
    flare = float(rng.uniform(0.0, 0.02))
    for upper, lower in _ARMS:
        cover = torch.maximum(
            cover, _sleeve(verts, joints, weights, upper, lower, sleeve, shirt, 0.4 * flare)
        )
    for upper, lower in _LEGS:
        cover = torch.maximum(
            cover, _sleeve(verts, joints, weights, upper, lower, leg, trousers, flare)
        )
    # A shirt hangs loose over the hips: a hem between the waist and the crotch.
    waist, crotch = float(joints[3, 1]), float(joints[[1, 2], 1].mean())
    hem = crotch + float(rng.uniform(-0.08, 0.1))
    hangs = torch.sigmoid((verts[:, 1] - hem) / 0.006) * torch.sigmoid((waist - verts[:, 1]) / 0.03)
    legs_and_torso = _cover(weights, [0, 1, 2, 3])
    cover = cover + hangs * legs_and_torso * float(rng.uniform(0.0, 0.025))
    bare = _cover(weights, list(_BARE))
    cover = smoothed(cover * (1.0 - bare), body)
    # Folds along and around the limb, rad a metre.
    waves = float(rng.uniform(60.0, 110.0)), float(rng.uniform(15.0, 40.0))
    phase = waves[0] * verts[:, 1] + waves[1] * (verts[:, 0] + verts[:, 2])
    phase = phase + float(rng.uniform(0.0, 2 * np.pi))
    depth = float(rng.uniform(0.3, 0.8))
    return Garments(cover.float(), (depth * cover).float(), phase.float())


def _cover(weights: Float[Tensor, "V J"], joints: list[int]) -> Float[Tensor, " V"]:
    """Share of each vertex that belongs to some joints."""
    return weights[:, joints].sum(1)


def _sleeve(
    verts: Float[Tensor, "V 3"],
    joints: Float[Tensor, "J 3"],
    weights: Float[Tensor, "V J"],
    upper: int,
    lower: int,
    length: float,
    thickness: float,
    flare: float,
) -> Float[Tensor, " V"]:
    """Cloth around a limb as far as its hem, wider towards it.

    Args:
        verts: rest pose, m.
        joints: rest pose, m.
        weights: skinning weights.
        upper: joint at which the limb begins.
        lower: the joint in its middle.
        length: of the garment, 1 reaches the limb's end.
        thickness: m.
        flare: additional width at the hem, m.
    """
    end = 2.0 * joints[lower] - joints[upper]
    axis = end - joints[upper]
    along = (verts - joints[upper]) @ axis / axis.square().sum()
    inside = torch.sigmoid((length - along) / 0.008)
    towards_hem = (along / length).clamp(0.0, 1.0) ** 2
    return _cover(weights, [upper, lower]) * inside * (thickness + flare * towards_hem)


def smoothed(
    values: Float[Tensor, " V"], body: SmplBody, rounds: int = _SMOOTHING_ROUNDS
) -> Float[Tensor, " V"]:
    """Values averaged over neighbouring vertices, so that a hem is a step but not a spike."""
    count = values.new_zeros(len(values))
    for k in range(3):
        count.index_add_(0, body.faces[:, k], values.new_full((len(body.faces),), 2.0))
    for _ in range(rounds):
        total = values.new_zeros(len(values))
        for k in range(3):
            for other in ((k + 1) % 3, (k + 2) % 3):
                total.index_add_(0, body.faces[:, k], values[body.faces[:, other]])
        values = 0.5 * values + 0.5 * total / count
    return values
