"""Training of the motion prior (eq. 10)."""

from hfb.amp.module import AmpModule, LossShares

__all__ = ["AmpModule", "LossShares"]
