"""Training of the motion prior (eq. 10)."""

from hfb.training.motion_prior.module import AmpModule, LossShares

__all__ = ["AmpModule", "LossShares"]
