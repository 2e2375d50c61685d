"""Settle who moves how before which camera, further from the mean than other photos do."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from datamodules.synthetic.camera_placement import CameraRange
from datamodules.synthetic.movement.grounding import GroundedBody
from datamodules.synthetic.movement.procedural import MotionSource, random_action
from datamodules.synthetic.person import pose_photo
from datamodules.synthetic.scene import ScenePlan, plan_scene
from datamodules.synthetic.shot import SyntheticSettings
from datamodules.synthetic.wild.settings import Mix, WorldSettings
from hfb.body import SmplBody
from hfb.geometry import project, rotvec_to_rotmat
from hfb.structures import BodyParams

_VIEWPOINTS = CameraRange(
    yaw_deg=(-100.0, 100.0),
    turned_share=0.25,
    focal=(0.85, 2.4),
    height_m=(0.3, 2.3),
    subject=(0.5, 0.82),
    roll_deg=2.5,
)
_SUBFRAMES, _STEP_PX = (28, 88), 2.0
# Offsets of the joints, rad: neck and limbs; the legs less, they carry the body.
_OFFSETS = {0.16: (12, 13, 14, 15, 16, 17, 18, 19, 20, 21), 0.09: (1, 2, 3, 4, 5, 6, 7, 8, 9)}


@dataclass(frozen=True)
class OddMotion:
    """A motion whose joints are bent otherwise, all along: a `MotionSource`.

    Attributes:
        source: the motion.
        offset: rotation of each joint on top.
    """

    source: MotionSource
    offset: Float[Tensor, "24 3 3"]

    @property
    def name(self) -> str:
        """That of the motion."""
        return self.source.name

    @property
    def duration(self) -> float:
        """How long the motion is, s."""
        return self.source.duration

    @property
    def focus(self) -> tuple[float, float]:
        """Times between which an exposure may be centred, s."""
        return self.source.focus

    def window(
        self, body: GroundedBody, betas: Float[Tensor, " K"], times: Float[Tensor, " S"]
    ) -> tuple[Float[Tensor, "S 24 3 3"], Float[Tensor, "S 3"]]:
        """Pose and translation; see `MotionSource.window`."""
        rotmat, transl = self.source.window(body, betas, times)
        return rotmat @ self.offset.to(rotmat), transl


def plan_wild_scene(
    settings: SyntheticSettings,
    world: WorldSettings,
    seed: int,
    body: SmplBody,
    source: MotionSource | None,
) -> ScenePlan:
    """Plan a photo; its truth is the body, without what it wears.

    Args:
        settings: what is drawn.
        world: what may be in the photo.
        seed: of the photo.
        body: the body.
        source: the motion; drawn from the library if None.
    """
    mix = Mix.draw(world, seed)
    if source is None:
        source = random_action(torch.Generator().manual_seed(seed), None, settings.variation)
    if "pose" in mix:
        source = OddMotion(source, _offsets(mix))
    if "viewpoint" in mix:
        settings = replace(settings, camera=_VIEWPOINTS)
    betas = None
    if "shape" in mix:
        # The free body's population is narrow: three of its deviations are still people.
        wide = mix.rng("shape").normal(0.0, settings.beta_sigma * (1 + mix.strength("shape")), 10)
        wide = np.resize(np.clip(wide, -3.5, 3.5), body.num_betas)
        betas = torch.from_numpy(wide).float()
    plan = plan_scene(settings, seed, body, source, betas=betas)
    num = _subframes(plan)
    return replace(plan, settings=replace(plan.settings, num_subframes=num, subframe_hz=None))


def _offsets(mix: Mix) -> Float[Tensor, "24 3 3"]:
    rng, strength = mix.rng("pose"), mix.strength("pose")
    rotvec = np.zeros((24, 3))
    for sigma, joints in _OFFSETS.items():
        rotvec[list(joints)] = strength * rng.normal(0.0, sigma, (len(joints), 3))
    return rotvec_to_rotmat(torch.from_numpy(rotvec).float())


def _subframes(plan: ScenePlan) -> int:
    """So many that the fastest joint moves by two pixels between them, if that is affordable."""
    params, _, _ = pose_photo(plan.body, plan.betas, plan.shot, _SUBFRAMES[0])
    joints = plan.body.joints(BodyParams(plan.betas[None], params.pose_rotmat, params.transl))
    points = project(joints, plan.shot.placed.camera)
    path = float(points.diff(dim=0).norm(dim=-1).sum(0).max())
    return int(np.clip(np.ceil(path / _STEP_PX), *_SUBFRAMES))
