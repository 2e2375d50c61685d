"""What is known before the picture is seen: which poses are plausible."""

from hfb.prior.pose import MixturePosePrior, PosePriorKind

__all__ = ["MixturePosePrior", "PosePriorKind"]
