"""Which moving pixels are whose: each goes to the nearest body of those it hangs together with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

_NEAR = 0.15
"""Distance from a body, in heights, up to which a loose part is theirs."""
RIM = 0.03
"""Width of what is added all around a person, where the blur runs out, in heights."""


@dataclass(frozen=True)
class Body:
    """A drawing of a person on the picture that motion is found on.

    Attributes:
        drawn: limbs and trunk.
        height: longer side of their box, px.
        score: how sure the networks are.
    """

    drawn: Bool[np.ndarray, "h w"]
    height: float
    score: float


def _distances(bodies: Sequence[Body]) -> Float[np.ndarray, "K h w"]:
    """Of each pixel to each body, in heights."""
    return np.stack(
        [
            cv2.distanceTransform((~body.drawn).astype(np.uint8), cv2.DIST_L2, 5) / body.height
            for body in bodies
        ]
    )


def owners(bodies: Sequence[Body], moves: Bool[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """Whose the moving pixels are: 0 nobody's, k + 1 the k-th body's.

    Args:
        bodies: of all people.
        moves: what differs from the background.
    """
    owner = np.zeros(moves.shape, np.uint8)
    if not bodies:
        return owner
    distance = _distances(bodies)
    count, labels = cv2.connectedComponents(moves.astype(np.uint8))
    for part in range(1, count):
        inside = labels == part
        own = distance[:, inside]
        # Who has a share in it; of loose parts, whoever is near.
        reach = own.min(1)
        holds = reach == 0.0 if (reach == 0.0).any() else reach < _NEAR
        if holds.any():
            owner[inside] = np.where(holds[:, None], own, np.inf).argmin(0) + 1
    return owner


def territory_of(
    bodies: Sequence[Body], owner: UInt8[np.ndarray, "h w"]
) -> UInt8[np.ndarray, "h w"]:
    """The owners, each with a rim that takes nothing from the others.

    Args:
        bodies: of all people.
        owner: from `owners`.
    """
    territory = owner.copy()
    if not bodies:
        return territory
    nearest = _distances(bodies).argmin(0) + 1
    for k, body in enumerate(bodies, 1):
        grown = cv2.dilate((owner == k).astype(np.uint8), disc(RIM * body.height)) > 0
        territory[grown & (owner == 0) & (nearest == k)] = k
    return territory


def disc(radius: float) -> UInt8[np.ndarray, "d d"]:
    """What masks are grown by.

    Args:
        radius: px.
    """
    width = 2 * max(1, round(radius)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width)).astype(np.uint8)
