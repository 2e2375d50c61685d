"""Where a body faces and which way up it is, as bins that a network gives probabilities to.

Gross failures of a start are turns of the whole body: facing away, lying, upside down. A mean pose
hides them; a distribution over turns tells them from one another.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

NUM_FACING, NUM_UP = 8, 3
"""Directions around the vertical, the first towards the camera; upright, level, upside down."""


def facing_share(root: Float[Tensor, "*B 3 3"]) -> Float[Tensor, "*B 8"]:
    """How much of each facing direction a root rotation has; the shares add up to 1.

    A direction between two bins counts for both.

    Args:
        root: axes x right, y down, z away from the camera.
    """
    ahead = root[..., :, 2]
    azimuth = torch.atan2(ahead[..., 0], -ahead[..., 2])
    centres = torch.arange(NUM_FACING).to(root) * (2.0 * math.pi / NUM_FACING)
    apart = (azimuth[..., None] - centres).remainder(2.0 * math.pi)
    apart = torch.minimum(apart, 2.0 * math.pi - apart) * (NUM_FACING / (2.0 * math.pi))
    return (1.0 - apart).clamp(min=0.0)


def up_share(root: Float[Tensor, "*B 3 3"]) -> Float[Tensor, "*B 3"]:
    """How upright, level and upside down a root rotation is; the shares add up to 1.

    Args:
        root: axes as `facing_share`.
    """
    height = -root[..., 1, 1]
    level = (1.0 - height.abs()).clamp(min=0.0)
    return torch.stack([height.clamp(min=0.0), level, (-height).clamp(min=0.0)], -1)


def turn_likelihood(
    root: Float[Tensor, "*B 3 3"],
    facing_logits: Float[Tensor, "*B 8"],
    up_logits: Float[Tensor, "*B 3"],
) -> Float[Tensor, "*B"]:
    """Log-likelihood of root rotations under predicted distributions.

    Args:
        root: axes as `facing_share`.
        facing_logits: of the directions.
        up_logits: of upright, level, upside down.
    """
    facing = (facing_share(root) * facing_logits.log_softmax(-1)).sum(-1)
    return facing + (up_share(root) * up_logits.log_softmax(-1)).sum(-1)


def mirrored_facing(logits: Float[Tensor, "*B 8"]) -> Float[Tensor, "*B 8"]:
    """Logits of the directions as they are in the mirrored image."""
    order = [(-k) % NUM_FACING for k in range(NUM_FACING)]
    return logits[..., order]
