"""Stick figures of a faulty motion, its correction and the truth, side by side."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.body import SmplBody
from hfb.motion import PolynomialMotion, evaluate, subframe_times
from hfb.prior import MotionPrior
from hfb.training.motion_prior.evaluation import all_orders, canonical_of, joints_of
from hfb.viz.stick_figure import draw_joint_paths

_SIDE = 256  # px
_PX_PER_M = 110.0
# Seen from a little to the left of the front, so that neither walking nor waving is end-on.
_VIEW = torch.tensor([[0.8, 0.0, -0.6], [0.0, -1.0, 0.0]])


@torch.no_grad()
def draw_corrections(
    prior: MotionPrior, batch: Any, number: int, body: SmplBody
) -> Float[Tensor, "3 H W"]:
    """Corrupted, corrected and true motion of one window, blue early and yellow late.

    Args:
        prior: what corrects.
        batch: pairs of the data module.
        number: which of them.
        body: whose joints are drawn.
    """
    one = slice(number, number + 1)
    corrected = prior(canonical_of(batch.corrupted[one], batch.seen_rotmat[one])).corrected
    panels = []
    truth = batch.coeffs[one]
    for coeffs in (batch.corrupted[one], all_orders(truth, corrected), truth):
        motion = PolynomialMotion(
            coeffs,
            batch.base_rotmat[one],
            batch.base_transl[one],
            parameterization=prior.settings.parameterization,
        )
        joints = joints_of(body, *evaluate(motion, subframe_times(9).to(coeffs)))[0]
        centre = joints.mean((0, 1))
        points = (joints - centre) @ _VIEW.T.to(joints) * _PX_PER_M + _SIDE / 2
        panels.append(draw_joint_paths(torch.ones(3, _SIDE, _SIDE), points, body.parents, dim=0.1))
    return torch.cat(panels, 2)
