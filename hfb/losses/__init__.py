"""One function per term of the joint loss (eq. 3 to 9), and the weighted sum (eq. 11)."""

from hfb.losses.boundary import BoundaryState, boundary_loss
from hfb.losses.image import (
    MattingKind,
    background_loss,
    background_norm_loss,
    image_loss,
    matting_loss,
)
from hfb.losses.landmarks import landmark_loss
from hfb.losses.regularisation import (
    anchor_stiffness,
    depth_anchor_loss,
    polynomial_loss,
    pose_anchor_loss,
    pose_prior_loss,
    shape_loss,
)
from hfb.losses.texels import TexelPairs, texel_pairs
from hfb.losses.texture import pair_cosines, texture_smoothness_loss
from hfb.losses.weights import check_weights, weighted_sum

__all__ = [
    "BoundaryState",
    "MattingKind",
    "TexelPairs",
    "anchor_stiffness",
    "background_loss",
    "background_norm_loss",
    "boundary_loss",
    "check_weights",
    "depth_anchor_loss",
    "image_loss",
    "landmark_loss",
    "matting_loss",
    "pair_cosines",
    "polynomial_loss",
    "pose_anchor_loss",
    "pose_prior_loss",
    "shape_loss",
    "texel_pairs",
    "texture_smoothness_loss",
    "weighted_sum",
]
