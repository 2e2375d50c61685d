"""Frozen dataclasses that travel between rooms.

Frames and units everywhere: camera frame OpenCV (x right, y down, z forward) in metres; pixels with
the centre of the first pixel at (0.5, 0.5); the body model's own frame is SMPL's (y up) and the
global orientation takes it straight into the camera frame.
"""

from hfb.structures.body import BodyIdentity, BodyParams, Mesh, PosedBody
from hfb.structures.camera import Camera
from hfb.structures.estimate import InitialEstimate, SeenLandmarks
from hfb.structures.images import Exposure, Layers
from hfb.structures.sample import BlurSample, BrokenSample, ChosenPerson, ClipPart, Target

__all__ = [
    "BlurSample",
    "BodyIdentity",
    "BodyParams",
    "BrokenSample",
    "Camera",
    "ChosenPerson",
    "ClipPart",
    "Exposure",
    "InitialEstimate",
    "Layers",
    "Mesh",
    "PosedBody",
    "SeenLandmarks",
    "Target",
]
