"""Training of the motion prior (eq. 10): our own, and one in the paper's form."""

from hfb.training.motion_prior.module import AmpLoss, AmpModule
from hfb.training.motion_prior.paper_module import PaperAmpLoss, PaperAmpModule

__all__ = ["AmpLoss", "AmpModule", "PaperAmpLoss", "PaperAmpModule"]
