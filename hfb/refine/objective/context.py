"""What the terms of eq. 11 look at: what is predicted at a step, and what stays the same."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from hfb.body import SmplBody
from hfb.losses import TexelPairs
from hfb.motion import PolynomialMotion
from hfb.prior import BodyPosePrior
from hfb.refine.objective.landmark_target import LandmarkTarget
from hfb.refine.objective.motion_energy import MotionEnergy
from hfb.refine.problem import RefineProblem
from hfb.refine.recipe.settings import RefineSettings
from hfb.structures import Exposure, Layers


@dataclass(frozen=True)
class Prediction:
    """What the forward model says at one step.

    Attributes:
        image: predicted blurry crop, sRGB.
        exposure: the two sums of eq. 2, in the space that is averaged.
        layers: the single sub-frames, where a term needs them.
        motion: the polynomials.
        pose_rotmat: pose at each sub-frame time.
        joints: at each sub-frame time, camera frame, m.
        verts: vertices at each sub-frame time, camera frame, m.
        betas: shape.
        texture: sRGB.
        gap: shut part of the frame time of each sequence; None where the exposures tell it.
    """

    image: Float[Tensor, "P 3 S S"]
    exposure: Exposure
    layers: Layers | None
    motion: PolynomialMotion
    pose_rotmat: Float[Tensor, "P N J 3 3"]
    joints: Float[Tensor, "P N J 3"]
    verts: Float[Tensor, "P N V 3"]
    betas: Float[Tensor, "P K"]
    texture: Float[Tensor, "P 3 TH TW"]
    gap: Float[Tensor, " Q"] | None = None


@dataclass(frozen=True)
class Context:
    """What stays the same over a refinement.

    Attributes:
        problem: image, matte, cameras, starts.
        settings: the recipe.
        background: background in the space that is averaged.
        start_coeffs: coefficients of the resting start.
        start_joints: of the start, camera frame, m.
        body: the body model.
        pose_prior: eq. 6, or None.
        motion_energy: eq. 10, or None.
        texel_pairs: eq. 5's neighbour table, or None.
        pair_cosines: eq. 5's cosines for the starting pose, or None.
        landmarks: where the detector saw the person, or None.
    """

    problem: RefineProblem
    settings: RefineSettings
    background: Float[Tensor, "P 3 S S"]
    start_coeffs: Float[Tensor, "P D1 K C"]
    start_joints: Float[Tensor, "P J 3"]
    body: SmplBody
    pose_prior: BodyPosePrior | None = None
    motion_energy: MotionEnergy | None = None
    texel_pairs: TexelPairs | None = None
    pair_cosines: Float[Tensor, "P M"] | None = None
    landmarks: LandmarkTarget | None = None
