"""Loose clothes that fold where joints bend and trail behind the body; hair and shoes likewise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from datamodules.synthetic.clothes import bend_of_skin
from datamodules.synthetic.wild import regions
from datamodules.synthetic.wild.regions import Array, Cut, SurfacePoints, ramp, smoothed
from datamodules.synthetic.wild.settings import Mix
from hfb.body import SmplBody
from hfb.geometry import vertex_normals
from hfb.structures import BodyParams

# Cloth that hangs on a moving limb comes to rest on it after about so long.
_DELAY_S = (0.03, 0.10)
# Of the whole body's own velocity only a part is felt: it hardly changes within an exposure.
_CARRIED_SHARE = 0.7


@dataclass(frozen=True)
class Covering:
    """What lies on a body: a `Clothes` with a motion of its own.

    Attributes:
        thickness: distance of the surface from the skin at each vertex, m.
        fold_height: largest height of folds at each vertex, m.
        phases: of two systems of folds, rad.
        swing: how far each vertex may trail behind the body, m.
        delay_s: how long it takes to follow.
    """

    thickness: Float[Tensor, " V"]
    fold_height: Float[Tensor, " V"]
    phases: Float[Tensor, "V 2"]
    swing: Float[Tensor, " V"]
    delay_s: float

    def offsets(
        self, body: SmplBody, params: BodyParams, times: Float[Tensor, " S"]
    ) -> Float[Tensor, "S V 3"]:
        """Thickness and folds along the posed normals, and the way that cloth lags behind."""
        verts = body(params).verts
        normals = vertex_normals(verts, body.faces)
        creased = bend_of_skin(body, params)
        waves = 0.6 * torch.sin(self.phases[:, 0] + 2.5 * creased)
        waves = waves + 0.4 * torch.sin(self.phases[:, 1] - 1.8 * creased)
        amount = self.thickness + self.fold_height * (0.35 + 0.65 * creased) * waves
        outwards = normals * amount.clamp(min=0.0).unsqueeze(-1)
        root = params.transl
        lag = trailing(verts, root, times, self.swing, self.delay_s)
        # The skin is in the way where the cloth would be pushed into it.
        inwards = (lag * normals).sum(-1, keepdim=True).clamp(max=0.0)
        allowed = -0.8 * amount.clamp(min=0.0).unsqueeze(-1)
        return outwards + lag - normals * (inwards - inwards.clamp(min=allowed))


def trailing(
    verts: Float[Tensor, "S V 3"],
    root: Float[Tensor, "S 3"],
    times: Float[Tensor, " S"],
    swing: Float[Tensor, " V"],
    delay_s: float,
) -> Float[Tensor, "S V 3"]:
    """How far cloth is behind the vertices that it hangs on, m.

    Args:
        verts: where it would be at rest, camera frame, m.
        root: position of the body as a whole, m.
        times: s, increasing; a single one tells no velocity: nothing trails.
        swing: largest distance of each vertex, m.
        delay_s: how long cloth takes to follow.
    """
    if len(times) < 2 or float(swing.max()) == 0.0:
        return torch.zeros_like(verts)
    seconds = times.double().numpy()
    own = verts - _CARRIED_SHARE * root[:, None]
    velocity = torch.from_numpy(np.gradient(own.numpy(), seconds, axis=0)).to(verts)
    way = delay_s * velocity
    length = way.norm(dim=-1, keepdim=True).clamp(min=1e-9)
    reach = swing[:, None].clamp(min=1e-9)
    return -way / length * reach * torch.tanh(length / reach)


@dataclass(frozen=True)
class Look:
    """What was drawn about clothes, hair and shoes; None where they are the outfit's own.

    Attributes:
        cut: of the garments.
        hair: drop and fringe, m.
        shaft: of the shoes, m above the ankle.
        sole: thickness of the soles, m.
    """

    cut: Cut | None = None
    hair: tuple[float, float] | None = None
    shaft: float | None = None
    sole: float = 0.0


def draw_look(mix: Mix) -> Look:
    """Decide how somebody is dressed.

    Args:
        mix: what is in the photo.
    """
    cut = hair = shaft = None
    sole = 0.0
    if "garments" in mix:
        cut = _draw_cut(mix.rng("garments"))
    if "hair" in mix:
        rng = mix.rng("hair")
        hair = float(rng.choice([0.0, 0.02, 0.05])), float(rng.uniform(-0.01, 0.02))
    if "shoes" in mix:
        rng = mix.rng("shoes")
        shaft = float(rng.choice([0.0, 0.0, 0.04, 0.12]))
        sole = float(rng.uniform(0.010, 0.03))
    return Look(cut, hair, shaft, sole)


def _draw_cut(rng: np.random.Generator) -> Cut:
    sleeve = float(rng.choice([0.12, 0.3, 0.42, 0.97], p=[0.1, 0.25, 0.2, 0.45]))
    leg = float(rng.choice([0.3, 0.48, 0.97], p=[0.15, 0.15, 0.7]))
    has_skirt = rng.random() < 0.25
    return Cut(
        sleeve=sleeve + float(rng.uniform(-0.05, 0.05)) * (sleeve < 0.9),
        leg=leg + float(rng.uniform(-0.05, 0.03)),
        hem=float(rng.uniform(-0.06, 0.09)),
        neckline=float(rng.uniform(0.02, 0.1)),
        skirt=float(rng.uniform(0.32, 0.85)) if has_skirt else 0.0,
        is_one_piece=bool(rng.random() < 0.5),
    )


def draw_covering(points: SurfacePoints, body: SmplBody, look: Look, mix: Mix) -> Covering | None:
    """Thickness, folds and swing of all that somebody wears.

    Args:
        points: the vertices of the body.
        body: to be dressed.
        look: how.
        mix: what is in the photo, and how strongly.

    Returns:
        None where nothing has a thickness.
    """
    if not {"garments", "hair", "shoes"} & set(mix.strengths):
        return None
    num = len(points.position)
    thickness: Array = np.zeros(num)
    fold: Array = np.zeros(num)
    swing: Array = np.zeros(num)
    phases, delay = np.zeros((num, 2)), 0.05
    if look.cut is not None:
        rng, strength = mix.rng("looseness"), mix.strength("garments")
        cloth, depth = _cloth(points, look.cut, rng)
        thickness = strength * smoothed(cloth, body)
        fold = depth * thickness * _patches(points, mix.rng("patches of folds"))
        hands_and_feet = points.share((20, 21, 22, 23, 7, 8, 10, 11))
        swing = strength * 1.3 * smoothed(cloth * (1 - hands_and_feet), body)
        phases, delay = _fold_phases(points, rng), float(rng.uniform(*_DELAY_S))
    if look.hair is not None:
        rng, strength = mix.rng("volume"), mix.strength("hair")
        volume = float(rng.choice([0.006, 0.015, 0.03, 0.05], p=[0.3, 0.35, 0.25, 0.1]))
        tuft = 1 + 0.25 * np.sin(60 * points.position @ rng.normal(0.0, 1.0, 3))
        crown = smoothed(regions.hair(points, *look.hair) * volume * tuft, body, 3)
        thickness = thickness + strength * crown
        swing = swing + 0.3 * strength * crown
    if look.shaft is not None:
        rng, strength = mix.rng("leather"), mix.strength("shoes")
        inside = regions.shoes(points, look.shaft)
        leather = inside * float(rng.uniform(0.004, 0.010))
        leather = leather + inside * regions.sole(points, 0.02) * look.sole
        thickness = np.maximum(thickness, strength * smoothed(leather, body, 1))
    as_tensor = [torch.from_numpy(np.asarray(a, np.float32)) for a in (thickness, fold, swing)]
    waves = torch.from_numpy(phases.astype(np.float32))
    return Covering(as_tensor[0], as_tensor[1], waves, as_tensor[2], delay)


def _cloth(points: SurfacePoints, cut: Cut, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Thickness (V,) of shirt and trousers, m, and the depth of their folds, a share of it."""
    fits = ((0.006, 0.014), (0.014, 0.028), (0.028, 0.052))
    low, high = fits[rng.choice(3, p=[0.2, 0.4, 0.4])]
    loose, wide = float(rng.uniform(low, high)), float(rng.uniform(0.7 * low, 0.8 * high))
    y = points.position[:, 1]
    chest, hips = points.joints[9, 1], points.crotch
    # A shirt hangs from chest and shoulders: it is widest at its hem, sleeves at their cuffs.
    hang = 0.5 + 0.8 * ramp(chest, hips, y)
    cuff = 0.6 + float(rng.uniform(0.2, 1.2)) * ramp(0.0, cut.sleeve, points.along_arm)
    top = regions.shirt(points, cut) * loose * np.where(points.arms > 0.3, 0.8 * cuff, hang)
    flare = float(rng.choice([-0.4, 0.2, 1.2]))
    below_knee = ramp(0.4, 1.0, points.along_leg)
    legs = regions.trousers(points, cut) * wide * (1 + flare * below_knee)
    # Between the thighs there is no room.
    inner = np.abs(points.position[:, 0]) < 0.6 * abs(float(points.joints[1, 0]))
    legs = legs * np.where(inner & (points.legs > 0.5), 0.4, 1.0)
    return np.maximum(top, legs), float(rng.uniform(0.35, 0.8))


def _fold_phases(points: SurfacePoints, rng: np.random.Generator) -> np.ndarray:
    """Two systems of folds, phases (V, 2) in rad: aslant, each its own way, and not quite straight.

    Rings all around a limb would look like tyres.
    """
    x, y, z = points.position.T
    around = x + 0.7 * z
    wobble = np.sin(
        np.stack([11 * around + 9 * y, 8 * y - 14 * around]) + rng.uniform(0, 6, (2, 1))
    )
    waves = rng.uniform([50, 40], [85, 70])
    tilts = rng.uniform(0.3, 1.3, 2) * rng.choice([[1.0, -1.0], [-1.0, 1.0]])
    systems = [
        wave * (y + tilt * around) + 2.0 * bent
        for wave, tilt, bent in zip(waves, tilts, wobble, strict=True)
    ]
    return np.stack(systems, axis=1) + rng.uniform(0, 6, 2)


def _patches(points: SurfacePoints, rng: np.random.Generator) -> np.ndarray:
    """Where cloth folds (V,): in some places more than in others, 0.2 to 1."""
    direction = rng.normal(0.0, 9.0, (3, 3))
    waves = np.sin(points.position @ direction + rng.uniform(0, 6, 3)).mean(1)
    return np.asarray(0.2 + 0.8 * ramp(-0.5, 0.5, waves))
