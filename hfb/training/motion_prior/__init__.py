"""Training of the motion prior (eq. 10)."""

from hfb.training.motion_prior.module import AmpLoss, AmpModule

__all__ = ["AmpLoss", "AmpModule"]
