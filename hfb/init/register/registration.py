"""Landmarks to parameters of a SMPL-format body.

The paper registers SMPL to METRO's mesh without saying how. Here damped Gauss-Newton minimises the
distance to 2D landmarks under the camera, to 3D landmarks up to place and scale, and a prior on
pose and shape; many hypotheses at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.batch import Batch
from hfb.body import SmplBody
from hfb.errors import ShapeError
from hfb.init.register.bone_ik import pose_from_bones
from hfb.init.register.correspondence import Correspondence, correspondence
from hfb.init.register.gauss_newton import BodyState, Quadratic, solve
from hfb.init.register.landmark_terms import (
    Observations,
    image_term,
    prior_term,
    project,
    world_term,
)
from hfb.init.register.lifted_prior import LiftedStart, lifted_term
from hfb.init.register.priors import JointLimits, PosePrior
from hfb.init.register.sparse_body import SparseBody
from hfb.ranges import WEIGHT, Range, check_settings
from hfb.structures import Camera, SeenLandmarks

_RANGES: dict[str, Range] = {
    "sigma_image": (1e-5, 1e6),
    "sigma_world": (1e-5, 1e6),
    "outlier_scale": (1e-3, 1e6),
    "prior_weight": WEIGHT,
    "betas_weight": WEIGHT,
    "num_iters": (1, 10_000),
    "lifted_weight": WEIGHT,
    "lifted_world_weight": WEIGHT,
    "lifted_prior_weight": WEIGHT,
}


@dataclass(frozen=True)
class RegistrationSettings:
    """How far each kind of evidence is believed.

    Attributes:
        sigma_image: standard deviation of 2D landmarks, as a share of the person's extent.
        sigma_world: standard deviation of 3D landmarks, m.
        outlier_scale: standard deviations from which a landmark counts as an outlier.
        prior_weight: weight of the pose prior.
        betas_weight: weight of half the squared shape coefficients.
        num_iters: Gauss-Newton steps.
        lifted_weight: weight of the pull to a lifted pose, where there is one.
        lifted_world_weight: factor of the 3D landmarks' weight where there is a lifted pose, which
            has taken them into account already.
        lifted_prior_weight: weight of the pose prior then: a lifted pose is a likely one.
    """

    sigma_image: float = 0.02
    sigma_world: float = 0.1
    outlier_scale: float = 4.0
    prior_weight: float = 0.3
    betas_weight: float = 4.0
    num_iters: int = 30
    lifted_weight: float = 10.0
    lifted_world_weight: float = 0.0
    lifted_prior_weight: float = 0.05

    def __post_init__(self) -> None:
        check_settings(self, "initialiser", _RANGES)

    def for_lifted(self) -> RegistrationSettings:
        """How far each kind of evidence is believed beside a lifted pose."""
        sigma = self.sigma_world / max(self.lifted_world_weight, 1e-6) ** 0.5
        return replace(self, sigma_world=sigma, prior_weight=self.lifted_prior_weight)


@dataclass(frozen=True)
class Registration(Batch):
    """Parameters that explain the observations, one row a hypothesis.

    Attributes:
        betas: shape coefficients.
        pose_rotmat: rotation of each joint, root first.
        transl: smplx's transl, camera frame, m.
        cost: what was minimised, half squared standard deviations.
        error_px: mean distance of the 2D landmarks, px; zero for meshes.
        landmarks: what was explained; None for meshes.
    """

    betas: Float[Tensor, "K S"]
    pose_rotmat: Float[Tensor, "K J 3 3"]
    transl: Float[Tensor, "K 3"]
    cost: Float[Tensor, " K"]
    error_px: Float[Tensor, " K"]
    landmarks: SeenLandmarks | None = None


def register_landmarks(
    xy: Float[Tensor, "K 33 2"],
    world: Float[Tensor, "K 33 3"],
    visibility: Float[Tensor, "K 33"],
    camera: Camera,
    body: SmplBody,
    prior: PosePrior | None = None,
    settings: RegistrationSettings | None = None,
    spread_px: Float[Tensor, "K 33"] | None = None,
    lifted: LiftedStart | None = None,
) -> Registration:
    """Fit the body to BlazePose landmarks.

    Args:
        xy: landmarks in the image, px.
        world: landmarks relative to mid-hip, camera axes, m; their scale is not used.
        visibility: probability that each landmark is seen; what is hidden is trusted less.
        camera: of the image that `xy` belongs to; one for all hypotheses.
        body: any SMPL-format body.
        prior: pose prior; joint limits and a weak pull to the rest pose if not given.
        settings: how far each kind of evidence is believed.
        spread_px: how far an ensemble disagrees on each landmark, px.
        lifted: poses to begin with and to stay near, as sure as they are; turned bones if None.

    Returns:
        Parameters of each hypothesis, in float32.

    Raises:
        ShapeError: if the camera has batch axes.
    """
    if camera.focal.ndim != 1:
        raise ShapeError(f"one camera expected, got focal lengths {tuple(camera.focal.shape)}")
    settings = settings or RegistrationSettings()
    if lifted is not None:
        settings = settings.for_lifted()
    prior = prior or JointLimits(body.joint_names)
    table = correspondence(body)
    sparse = SparseBody.from_body(body, table.vertices.tolist())
    spread = torch.zeros_like(visibility) if spread_px is None else spread_px
    seen = _observe(xy, world, visibility, spread, camera, table, settings)
    start = _start(seen, sparse, body.joint_names, table, lifted)

    def cost_at(state: BodyState) -> Quadratic:
        total = _cost(state, seen, sparse, table, prior, settings)
        if lifted is None:
            return total
        return total + lifted_term(state, lifted, settings.lifted_weight, settings.outlier_scale)

    state, cost = solve(start, cost_at, settings.num_iters)
    points = sparse.pose(state.rotmat, state.betas, state.transl).points
    distance = (project(table.from_points @ points, seen) - seen.xy).norm(dim=-1)
    weight = seen.image_weight
    error_px = (distance * weight).sum(-1) / weight.sum(-1)
    trust = (seen.world_weight * settings.sigma_world).square()
    return Registration(
        state.betas.float(), state.rotmat.float(), state.transl.float(), cost.float(),
        error_px.float(), SeenLandmarks(seen.xy.float(), trust.float()),
    )  # fmt: skip


def _observe(
    xy: Tensor, world: Tensor, visibility: Tensor, spread: Tensor, camera: Camera,
    table: Correspondence, settings: RegistrationSettings,
) -> Observations:  # fmt: skip
    """Landmarks to channels, and trust to weights."""
    to = table.from_landmarks
    xy, world = to @ xy.to(to), to @ world.to(to)
    # A hidden landmark is still a guess from the others: it keeps some weight.
    trust = table.trust * (0.1 + 0.9 * (to @ visibility.to(to).unsqueeze(-1)).squeeze(-1))
    extent = (xy.amax(1) - xy.amin(1)).amax(-1, keepdim=True)
    spread = (to @ spread.to(to).unsqueeze(-1)).squeeze(-1)
    sigma = (settings.sigma_image * extent).clamp(min=0.5)
    relative = spread / sigma
    precision = trust / (1.0 + relative.square()).sqrt()
    return Observations(
        xy=xy,
        world=world,
        image_weight=precision / sigma,
        world_weight=precision / settings.sigma_world,
        focal=camera.focal.to(to),
        principal_point=camera.principal_point.to(to),
    )


def _start(
    seen: Observations, sparse: SparseBody, joint_names: tuple[str, ...], table: Correspondence,
    lifted: LiftedStart | None,
) -> BodyState:  # fmt: skip
    """Lifted pose and shape, or bones turned as measured; placed by linear least squares."""
    num_bodies = len(seen.xy)
    rest = table.from_points @ sparse.rest
    betas = rest.new_zeros(num_bodies, sparse.shapedirs.shape[-1])
    if lifted is None:
        rotmat = pose_from_bones(sparse.parents, joint_names, rest, seen.world)
    else:
        rotmat = lifted.rotmat.to(rest)
        betas = lifted.betas.to(rest) if lifted.betas.shape == betas.shape else betas
    transl = rest.new_zeros(num_bodies, 3)
    points = table.from_points @ sparse.pose(rotmat, betas, transl).points
    return BodyState(rotmat, betas, place_points(points, seen.xy, seen.image_weight, seen.focal,
                                                 seen.principal_point))  # fmt: skip


def place_points(
    points: Float[Tensor, "K M 3"],
    xy: Float[Tensor, "K M 2"],
    weight: Float[Tensor, "K M"],
    focal: Float[Tensor, " 2"],
    principal_point: Float[Tensor, " 2"],
) -> Float[Tensor, "K 3"]:
    """Translation that brings points onto their images, by linear least squares.

    Each point gives f·(X+tx) = u·(Z+tz) and the same for y, linear in the translation.

    Args:
        points: camera axes, any origin, m.
        xy: their images, px.
        weight: square root of each point's weight.
        focal: px.
        principal_point: px.
    """
    ray = (xy - principal_point) / focal
    one, zero = torch.ones_like(ray[..., 0]), torch.zeros_like(ray[..., 0])
    rows = torch.stack(
        [torch.stack([one, zero, -ray[..., 0]], -1), torch.stack([zero, one, -ray[..., 1]], -1)], -2
    )
    right = ray * points[..., 2:] - points[..., :2]
    rows = (rows * weight[..., None, None]).flatten(1, 2)
    right = (right * weight[..., None]).flatten(1, 2)
    transl = torch.linalg.lstsq(rows, right.unsqueeze(-1)).solution.squeeze(-1)
    # Nonsense landmarks can put the body behind the camera, where no step leads back.
    lowest = 0.5 - points[..., 2].amin(-1)
    return torch.cat([transl[:, :2], torch.maximum(transl[:, 2], lowest)[:, None]], dim=-1)


def _cost(
    state: BodyState, seen: Observations, sparse: SparseBody, table: Correspondence,
    prior: PosePrior, settings: RegistrationSettings,
) -> Quadratic:  # fmt: skip
    posed = sparse.pose(state.rotmat, state.betas, state.transl)
    points = table.from_points @ posed.points
    jacobian = torch.einsum("mp,kpcd->kmcd", table.from_points, posed.by_step)
    image = image_term(points, jacobian, seen, settings.outlier_scale)
    world = world_term(points, jacobian, seen, settings.outlier_scale)
    pose_and_shape = prior_term(state, prior, settings.prior_weight, settings.betas_weight)
    return image + world + pose_and_shape
