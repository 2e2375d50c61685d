"""Everything that the landmark network says about one crop, in the crop's own axes.

`Landmarks` keep what a registration needs, in the axes of the image. Lifting
(`hfb.init.lift.network`) wants more: depths, confidences, and how wide the
heat maps are, for blur widens them, and where the person's outline lies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

NUM_POINTS = 39
"""Outputs of the landmark network: 33 of the body, 2 that say where to look next, 4 spare."""

CROP_SIZE = 256
"""Side of the landmark network's input, px."""

MASK_SIZE = 32
"""Cells along a crop in which lifting sees the person's outline."""

_LOWEST_LOGIT = np.float32(np.log(0.01 / 0.99))
"""Cells of a heat map that are less likely than one in a hundred count as empty."""


@dataclass(frozen=True)
class DetectorOutput:
    """One run of the landmark network.

    Attributes:
        points: x and y in the crop, px, refined by the heat maps; depth, px; logits of visibility
            and presence.
        heat: of each heat map the highest probability, and its standard deviations along x and y
            as shares of the crop's side.
        world: 3D positions, axes of the crop, m.
        presence: probability that there is a person.
        roi: where the crop lies in the image: centre x, centre y, side (px), rotation (rad).
        mask: how likely each cell of the crop shows the person, by the network itself.
        mirrored_width: width of the image if it was mirrored before, px; 0 if it was not.
        matte: share of the exposure during which the person covers each cell, as far as the
            background tells; None where none is known.
    """

    points: Float[np.ndarray, "39 5"]
    heat: Float[np.ndarray, "39 3"]
    world: Float[np.ndarray, "39 3"]
    presence: float
    roi: tuple[float, float, float, float]
    mask: Float[np.ndarray, "32 32"]
    mirrored_width: int = 0
    matte: Float[np.ndarray, "32 32"] | None = None


def in_cells(values: Float[np.ndarray, "256 256"]) -> Float[np.ndarray, "32 32"]:
    """Means over the cells of a crop.

    Args:
        values: one a pixel.
    """
    step = CROP_SIZE // MASK_SIZE
    return np.asarray(values.reshape(MASK_SIZE, step, MASK_SIZE, step).mean((1, 3)))


def heat_widths(logits: Float[np.ndarray, "H W L"]) -> Float[np.ndarray, "L 3"]:
    """Peak and width of heat maps.

    Args:
        logits: one map a landmark.

    Returns:
        Highest probability; standard deviation along x and along y, shares of the map's side.
    """
    height, width, _ = logits.shape
    # Far below zero a map holds rounding only, and a sum over 4,096 cells of it would count.
    is_high = logits > _LOWEST_LOGIT
    share = np.zeros(logits.shape, np.float32)
    share[is_high] = 1.0 / (1.0 + np.exp(-np.minimum(logits[is_high].astype(np.float32), 12.0)))
    widths = []
    for axis, size in ((0, width), (1, height)):
        profile = share.sum(axis)
        total = profile.sum(0) + 1e-6
        at = (np.arange(size, dtype=np.float32)[:, None] + 0.5) / size
        mean = (at * profile).sum(0) / total
        widths.append(np.sqrt((np.square(at - mean) * profile).sum(0) / total))
    return np.stack([share.max((0, 1)), *widths], axis=-1)
