"""The product: samples in, results out; what the command lines run."""

from hfb.app.hfb_module import HfbModule

__all__ = ["HfbModule"]
