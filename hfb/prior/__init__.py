"""What is known before the picture is seen: which poses and which motions are plausible."""

from hfb.prior.heading import MotionSketch, heading_free_turn, sketch_motion, turned_root
from hfb.prior.motion import MotionPrior
from hfb.prior.motion_file import load_motion_prior, save_motion_prior
from hfb.prior.patterns import MotionPriorSettings
from hfb.prior.places import place_covariance
from hfb.prior.pose import MixturePosePrior, PosePriorKind
from hfb.prior.pose_choice import PosePrior, PosePriorName, load_pose_prior
from hfb.prior.pose_vae import PoseVaeSettings, VaePosePrior, load_pose_vae, save_pose_vae

__all__ = [
    "MixturePosePrior",
    "MotionPrior",
    "MotionPriorSettings",
    "MotionSketch",
    "PosePrior",
    "PosePriorKind",
    "PosePriorName",
    "PoseVaeSettings",
    "VaePosePrior",
    "heading_free_turn",
    "load_motion_prior",
    "load_pose_prior",
    "load_pose_vae",
    "place_covariance",
    "save_motion_prior",
    "save_pose_vae",
    "sketch_motion",
    "turned_root",
]
