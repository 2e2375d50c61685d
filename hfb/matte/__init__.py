"""Where the person is in the photo: foreground, crop, and the matte of a known background."""

from hfb.matte.matting import estimate_alpha
from hfb.matte.matting_with_body import refresh_alpha
from hfb.matte.method import Matting, OwnMatting
from hfb.matte.network import NetworkMatting
from hfb.matte.nobody import nobody_found
from hfb.matte.region import (
    CropBox,
    crop_camera,
    crop_image,
    crop_valid,
    find_region,
    foreground_mask,
    moving_pixels,
    noise_level,
    paste_crop,
)

__all__ = [
    "CropBox",
    "Matting",
    "NetworkMatting",
    "OwnMatting",
    "crop_camera",
    "crop_image",
    "crop_valid",
    "estimate_alpha",
    "find_region",
    "foreground_mask",
    "moving_pixels",
    "nobody_found",
    "noise_level",
    "paste_crop",
    "refresh_alpha",
]
