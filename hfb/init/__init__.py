"""From a blurry image and its background to a first estimate: person, pose, matte."""

from hfb.init.estimate_file import read_estimate, write_estimate
from hfb.init.initialiser import BlazePoseInitialiser
from hfb.init.landmarks import Landmarks
from hfb.init.matte_refresh import refresh_alpha
from hfb.init.matting import estimate_alpha
from hfb.init.moments import Moment, read_moments
from hfb.init.region import (
    CropBox,
    crop_camera,
    crop_image,
    crop_valid,
    find_region,
    foreground_mask,
    noise_level,
    paste_crop,
)
from hfb.init.registration import Registration, RegistrationSettings, register_landmarks
from hfb.init.vertex_registration import register_vertices

__all__ = [
    "BlazePoseInitialiser",
    "CropBox",
    "Landmarks",
    "Moment",
    "Registration",
    "RegistrationSettings",
    "crop_camera",
    "crop_image",
    "crop_valid",
    "estimate_alpha",
    "find_region",
    "foreground_mask",
    "noise_level",
    "paste_crop",
    "read_estimate",
    "read_moments",
    "refresh_alpha",
    "register_landmarks",
    "register_vertices",
    "write_estimate",
]
