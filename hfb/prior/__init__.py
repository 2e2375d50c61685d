"""What is known before the image is seen: which poses and which motions are plausible."""

from hfb.prior.coefficients import CoefficientPrior, CoefficientPriorSettings
from hfb.prior.heading import CanonicalMotion, canonical_motion, heading_free_turn, turned_root
from hfb.prior.motion import MotionPrior
from hfb.prior.motion_file import (
    load_coefficient_prior,
    load_motion_prior,
    load_prior_for,
    save_coefficient_prior,
    save_motion_prior,
)
from hfb.prior.patterns import MotionPriorSettings
from hfb.prior.pose import BodyPosePrior, MixturePosePrior, PosePriorKind
from hfb.prior.pose_file import load_pose_prior
from hfb.prior.trajectory_gp import trajectory_covariance
from hfb.prior.vposer import VPoserPrior

__all__ = [
    "BodyPosePrior",
    "CanonicalMotion",
    "CoefficientPrior",
    "CoefficientPriorSettings",
    "MixturePosePrior",
    "MotionPrior",
    "MotionPriorSettings",
    "PosePriorKind",
    "VPoserPrior",
    "canonical_motion",
    "heading_free_turn",
    "load_coefficient_prior",
    "load_motion_prior",
    "load_pose_prior",
    "load_prior_for",
    "save_coefficient_prior",
    "save_motion_prior",
    "trajectory_covariance",
    "turned_root",
]
