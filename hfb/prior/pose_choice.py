"""The pose priors to choose from."""

from __future__ import annotations

from typing import Literal

from hfb.prior.pose import MixturePosePrior
from hfb.prior.pose_vae import VaePosePrior, load_pose_vae

PosePrior = MixturePosePrior | VaePosePrior
"""What scores a body pose (eq. 6)."""

PosePriorName = Literal["mixture", "vae", "none"]


def load_pose_prior(name: PosePriorName) -> PosePrior | None:
    """The shipped pose prior of a name, or None for "none".

    Raises:
        AssetNotFoundError: if its file is not there.
    """
    if name == "vae":
        return load_pose_vae()
    return MixturePosePrior() if name == "mixture" else None
