"""What a renderer makes of a moving body."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor

from hfb.batch import Batch


@dataclass(frozen=True)
class Layers(Batch):
    """What the renderer sees at each sub-frame time.

    Attributes:
        rgb: straight (not premultiplied) colour.
        alpha: silhouette in [0, 1].
        visible_faces: faces seen in at least one sub-frame; None where they are not known.
    """

    rgb: Float[Tensor, "*B N 3 H W"]
    alpha: Float[Tensor, "*B N 1 H W"]
    visible_faces: Bool[Tensor, "*B F"] | None = None


@dataclass(frozen=True)
class Exposure(Batch):
    """Layers averaged over the exposure: the two sums of eq. 2.

    Attributes:
        rgb: mean of silhouette × appearance (premultiplied).
        alpha: mean silhouette in [0, 1].
        visible_faces: faces seen in at least one sub-frame.
    """

    rgb: Float[Tensor, "*B 3 H W"]
    alpha: Float[Tensor, "*B 1 H W"]
    visible_faces: Bool[Tensor, "*B F"]
