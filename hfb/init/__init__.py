"""From a blurry image and its background to starting poses."""

from hfb.init.blazepose_initialiser import BlazePoseInitialiser
from hfb.init.detect.landmarks import Landmarks
from hfb.init.files.estimate_file import read_estimate, write_estimate
from hfb.init.files.timed_estimates import TimedEstimate, read_timed_estimates
from hfb.init.initialiser import Initialiser
from hfb.init.register.registration import Registration, RegistrationSettings, register_landmarks
from hfb.init.register.vertex_registration import register_vertices

__all__ = [
    "BlazePoseInitialiser",
    "Initialiser",
    "Landmarks",
    "Registration",
    "RegistrationSettings",
    "TimedEstimate",
    "read_estimate",
    "read_timed_estimates",
    "register_landmarks",
    "register_vertices",
    "write_estimate",
]
