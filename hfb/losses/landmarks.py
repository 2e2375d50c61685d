"""Landmarks stay where a detector saw them: not in the paper."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

LET_GO = 0.15
"""Distance, in heights of the person, from which a landmark is let go (Geman and McClure)."""


def landmark_loss(
    preds: Float[Tensor, "*B M 2"],
    target: Float[Tensor, "*B M 2"],
    height: Float[Tensor, "*B"],
    trust: Float[Tensor, "*B M"],
) -> Float[Tensor, "*B"]:
    """Mean squared distance of landmarks from where they were seen, robustly.

    Not in the paper: where a body without clothes, shadows and gloss has to explain those of a
    real one, squared differences of colour are made smaller by joints in wrong places. What
    detected the person saw the joints themselves.

    Args:
        preds: landmarks of the body in the image, px.
        target: where they were seen, px.
        height: of the standing person in the image, px.
        trust: how far each is believed, in [0, 1].

    Returns:
        One value a sample, squared heights; at most `LET_GO` squared.
    """
    squared = ((preds - target) / height[..., None, None]).square().sum(-1)
    return (trust * squared / (1.0 + squared / LET_GO**2)).mean(-1)
