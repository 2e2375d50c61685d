"""Where the landmarks of each problem are to be: between what the detector saw and the start."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hfb.body import SmplBody
from hfb.geometry import project
from hfb.init.register.correspondence import correspondence
from hfb.refine.problem import RefineProblem
from hfb.structures import Camera

_HEIGHT_M = 1.7


@dataclass(frozen=True)
class LandmarkTarget:
    """Landmarks that a fit is held to, not in the paper.

    Attributes:
        from_points: weights of joints and vertices in each channel.
        vertices: indices of the vertices that follow the joints among the points.
        xy: where each channel is to be, px of the crop.
        trust: how far each is believed, in [0, 1].
        height: of the standing person, px.
    """

    from_points: Float[Tensor, "M Q"]
    vertices: Int[Tensor, " V"]
    xy: Float[Tensor, "P M 2"]
    trust: Float[Tensor, "P M"]
    height: Float[Tensor, " P"]

    def seen(
        self, joints: Float[Tensor, "P *N J 3"], verts: Float[Tensor, "P *N W 3"], camera: Camera
    ) -> Float[Tensor, "P *N M 2"]:
        """Where a camera sees the channels of posed bodies, px.

        Args:
            joints: camera frame, m.
            verts: all vertices of the same bodies, m.
            camera: of each problem's crop.
        """
        return _seen(self.from_points, self.vertices, joints, verts, camera)


def landmark_target(problem: RefineProblem, body: SmplBody) -> LandmarkTarget | None:
    """What the landmarks of some problems are held to; None where none has any.

    The target is the mean of two estimates of one place: what the detector saw, and where the start
    has put it, which has been corrected for what blur does to detectors.

    Args:
        problem: the starts, and what they were made from.
        body: the body model.
    """
    seen = problem.landmarks
    if seen is None:
        return None
    table = correspondence(body)
    from_points, usable = (v.to(problem.image) for v in (table.from_points, table.trust > 0))
    start = body(problem.start)
    own = _seen(from_points, table.vertices, start.joints, start.verts, problem.camera)
    is_known = ~seen.trust.isnan()
    xy = torch.where(is_known[..., None], (seen.xy + own) / 2, own)
    # A body may lack the vertices of a channel.
    trust = torch.where(is_known, seen.trust, 0.0) * usable
    height = _HEIGHT_M * problem.camera.focal.mean(-1) / start.joints[:, 0, 2]
    return LandmarkTarget(from_points, table.vertices, xy, trust, height)


def _seen(
    from_points: Tensor, vertices: Tensor, joints: Tensor, verts: Tensor, camera: Camera
) -> Tensor:
    points = torch.cat([joints, verts[..., vertices, :]], dim=-2)
    return project(from_points @ points, camera)
