"""The training room of the lifting network (`hfb.init.lifting`)."""

from hfb.lifting.module import LiftingModule

__all__ = ["LiftingModule"]
