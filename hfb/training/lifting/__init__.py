"""Training of the lifting network (`hfb.init.lift.network`)."""

from hfb.training.lifting.module import LiftingModule

__all__ = ["LiftingModule"]
