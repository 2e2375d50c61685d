"""Which points of the body lie under the hair, in the shoes, under shirt and trousers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from datamodules.synthetic import clothes
from datamodules.synthetic.texels import TexelMap
from hfb.body import SmplBody

Array = NDArray[np.floating]

_ARMS, _LEGS = (16, 17, 18, 19, 20, 21, 22, 23), (1, 2, 4, 5, 7, 8, 10, 11)
_FEET, _HEAD = (7, 8, 10, 11), (12, 15)
_SHOULDERS, _WRISTS = (16, 17), (20, 21)
_HIPS, _KNEES, _ANKLES = (1, 2), (4, 5), (7, 8)
_EDGE_M = 0.004


@dataclass(frozen=True)
class SurfacePoints:
    """Points of a body in its rest pose.

    Attributes:
        position: m.
        weights: skinning weights.
        joints: of this shape, m.
        landmarks: nose, eyes, ears, heels and so on, m.
    """

    position: Float[np.ndarray, "P 3"]
    weights: Float[np.ndarray, "P J"]
    joints: Float[np.ndarray, "J 3"]
    landmarks: dict[str, Float[np.ndarray, " 3"]]

    @staticmethod
    def at_vertices(body: SmplBody, betas: Float[Tensor, " K"]) -> SurfacePoints:
        """The vertices of a body."""
        verts, joints = (x.numpy() for x in body.shape(betas))
        landmarks = {name: verts[index] for name, index in body.landmark_vertices.items()}
        return SurfacePoints(verts, body.weights.numpy(), joints, landmarks)

    def at_texels(self, texels: TexelMap) -> SurfacePoints:
        """What the texels of its texture show; only the body's part of them.

        Args:
            texels: of the body's texture.
        """
        inside = texels.from_verts[:, : len(self.position)]
        return SurfacePoints(
            inside @ self.position, inside @ self.weights, self.joints, self.landmarks
        )

    def share(self, joints: tuple[int, ...]) -> Array:
        """How much of each point some joints move."""
        return np.asarray(self.weights[:, list(joints)].sum(1))

    def along(self, begins: tuple[int, int], ends: tuple[int, int]) -> Array:
        """How far down its limb each point lies: 0 where it begins, 1 where it ends."""
        right = (self.position[:, 0] < 0).astype(int)
        start, end = self.joints[list(begins)][right], self.joints[list(ends)][right]
        axis = end - start
        return np.asarray(((self.position - start) * axis).sum(1) / (axis**2).sum(1))

    @property
    def along_arm(self) -> Array:
        """From shoulder (0) to wrist (1)."""
        return self.along(_SHOULDERS, _WRISTS)

    @property
    def along_leg(self) -> Array:
        """From hip (0) to ankle (1)."""
        return self.along(_HIPS, _ANKLES)

    @property
    def arms(self) -> Array:
        """Share of the arms, hands included."""
        return self.share(_ARMS)

    @property
    def legs(self) -> Array:
        """Share of the legs, feet included."""
        return self.share(_LEGS)

    @property
    def head(self) -> Array:
        """Share of head and neck."""
        return self.share(_HEAD)

    @property
    def crotch(self) -> float:
        """Height between the hips, m."""
        return float(self.joints[list(_HIPS), 1].mean())


@dataclass(frozen=True)
class Cut:
    """How clothes are cut.

    Attributes:
        sleeve: length, share of the arm.
        leg: length of the trousers, share of the leg.
        hem: lower end of the shirt, m above the hips.
        neckline: how low it is in front, m.
        skirt: length of a skirt, share of the leg; 0: trousers.
        is_one_piece: the skirt is of the shirt's cloth.
    """

    sleeve: float
    leg: float
    hem: float
    neckline: float
    skirt: float = 0.0
    is_one_piece: bool = False


Number = float | np.floating | Array


def ramp(low: Number, high: Number, values: Array) -> Array:
    """0 below `low`, 1 above `high`, a straight line between."""
    return np.clip((values - low) / (np.asarray(high) - low), 0.0, 1.0)


def shirt(points: SurfacePoints, cut: Cut) -> Array:
    """Share (P,) of the points that a shirt covers."""
    x, y, z = points.position.T
    neckline = points.joints[12, 1] + 0.01 - cut.neckline * ramp(0.0, 0.1, z)
    below = neckline + 0.25 * np.clip(np.abs(x) - 0.05, 0.0, 0.1)
    hem = points.crotch + cut.hem
    cover = ramp(hem - _EDGE_M, hem + _EDGE_M, y) * ramp(below + _EDGE_M, below - _EDGE_M, y)
    arm = ramp(cut.sleeve + 0.01, cut.sleeve - 0.01, points.along_arm)
    cover = cover * np.where(points.arms > 0.3, arm, 1.0)
    return cover * (points.share((15,)) < 0.5)


def trousers(points: SurfacePoints, cut: Cut) -> Array:
    """Share (P,) of the points that trousers cover; none under a skirt."""
    if cut.skirt > 0.0:
        return np.zeros(len(points.position))
    waist = points.joints[0, 1] + 0.09
    cover = ramp(waist + _EDGE_M, waist - _EDGE_M, points.position[:, 1])
    leg = ramp(cut.leg + 0.008, cut.leg - 0.008, points.along_leg)
    return cover * np.where(points.legs > 0.3, leg, 1.0) * (points.arms < 0.3)


def hair(points: SurfacePoints, drop: float, fringe: float) -> Array:
    """Share (P,) of the points under hair; faces and ears stay free.

    Args:
        points: of the body.
        drop: how much further than short hair it falls at the back, m.
        fringe: how far it falls over the forehead, m.
    """
    y, z = points.position[:, 1], points.position[:, 2]
    nose, ear = points.landmarks["nose"], points.landmarks["lear"]
    back = ramp(nose[2] - 0.045, nose[2] - 0.15, z)
    hairline = points.landmarks["leye"][1] + 0.055 - fringe * (1 - back) - (0.145 + drop) * back
    offset = (np.abs(points.position) * [1, 0, 0] + points.position * [0, 1, 1]) - ear * [
        np.sign(ear[0]), 1, 1,
    ]  # fmt: skip
    ears = ((offset / [0.02, 0.04, 0.035]) ** 2).sum(1) < 1
    return ramp(hairline - 0.004, hairline + 0.004, y) * (points.head > 0.5) * ~ears


def shoes(points: SurfacePoints, shaft: float) -> Array:
    """Share (P,) of the points inside shoes.

    Args:
        points: of the body.
        shaft: how far they reach above the ankle, m.
    """
    y, z = points.position[:, 1], points.position[:, 2]
    ankle = points.joints[7]
    collar = y - 0.10 * np.clip(ankle[2] - z, 0, 0.05) - ankle[1]
    return ramp(shaft + 0.012, shaft + 0.006, collar) * (points.legs > 0.5)


def sole(points: SurfacePoints, height: float) -> Array:
    """Share (P,) of the points below a height above the ground, m."""
    ground = min(float(place[1]) for name, place in points.landmarks.items() if "Heel" in name)
    return ramp(ground + height + 0.003, ground + height - 0.003, points.position[:, 1])


def smoothed(values: Array, body: SmplBody, rounds: int = 2) -> Array:
    """Values at vertices averaged over neighbours; see `clothes.smoothed`."""
    return clothes.smoothed(torch.from_numpy(np.asarray(values, np.float64)), body, rounds).numpy()
