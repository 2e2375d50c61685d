"""Put a random camera before a moving body so that it is seen whole."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hfb.geometry import project
from hfb.ranges import SHARE, Range, check_settings
from hfb.structures import Camera

_NUM_DISTANCE_STEPS = 6


@dataclass(frozen=True)
class SceneCamera:
    """A camera in a world with y up and the ground at y = 0.

    Attributes:
        camera: intrinsics.
        world_to_camera: rotation into the camera frame (x right, y down, z forward).
        centre: where the camera stands, world, m.
        subject_m: horizontal distance to the middle of the body, m.
    """

    camera: Camera
    world_to_camera: Float[Tensor, "3 3"]
    centre: Float[Tensor, " 3"]
    subject_m: float

    def transform(self, points: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B 3"]:
        """World points in the camera frame, m."""
        return (points - self.centre) @ self.world_to_camera.T

    def place_body(
        self,
        pose_rotmat: Float[Tensor, "*B J 3 3"],
        transl: Float[Tensor, "*B 3"],
        pelvis_rest: Float[Tensor, " 3"],
    ) -> tuple[Float[Tensor, "*B J 3 3"], Float[Tensor, "*B 3"]]:
        """Pose and smplx's `transl` in the camera frame.

        The global rotation turns a SMPL body about its pelvis, which `transl` does not include:
        hence the detour through the pelvis' position.

        Args:
            pose_rotmat: root first, world.
            transl: world, m.
            pelvis_rest: pelvis of this shape in the rest pose, m.
        """
        root = self.world_to_camera @ pose_rotmat[..., :1, :, :]
        placed = torch.cat([root, pose_rotmat[..., 1:, :, :]], dim=-3)
        return placed, self.transform(transl + pelvis_rest) - pelvis_rest


_RANGES: dict[str, Range] = {
    "yaw_deg": (-180.0, 180.0),
    "turned_share": SHARE,
    "focal": (0.1, 100.0),
    "height_m": (0.0, 100.0),
    "subject": (0.01, 1.0),
    "roll_deg": (0.0, 180.0),
}


@dataclass(frozen=True)
class CameraRange:
    """What a random camera is drawn from.

    Attributes:
        yaw_deg: largest angle between the viewing direction and the body's facing direction.
        turned_share: share of cameras that may look from anywhere, also from behind.
        focal: focal length in image heights, lowest and highest.
        height_m: of the camera above ground, lowest and highest.
        subject: height of the body in image heights, lowest and highest.
        roll_deg: standard deviation of the roll.
    """

    yaw_deg: tuple[float, float] = (-70.0, 70.0)
    turned_share: float = 0.1
    focal: tuple[float, float] = (1.0, 1.8)
    height_m: tuple[float, float] = (0.8, 1.9)
    subject: tuple[float, float] = (0.56, 0.78)
    roll_deg: float = 1.2

    def __post_init__(self) -> None:
        check_settings(self, "camera", _RANGES)


def place_camera(
    verts: Float[Tensor, "N V 3"],
    facing: Float[Tensor, " 3"],
    height: int,
    width: int,
    limits: CameraRange,
    rng: np.random.Generator,
) -> SceneCamera:
    """Draw a camera that sees the body whole during the motion.

    Args:
        verts: the body at some times of the exposure, world, m.
        facing: where the body faces, world; only its horizontal direction counts.
        height: image rows.
        width: image columns.
        limits: what to draw from.
        rng: source of randomness.
    """
    focal = float(rng.uniform(*limits.focal)) * height
    camera = Camera(
        focal=torch.tensor([focal, focal]),
        principal_point=torch.tensor([width / 2.0, height / 2.0]),
        height=height,
        width=width,
    )
    yaw = math.radians(float(rng.uniform(*limits.yaw_deg)))
    if rng.random() < limits.turned_share:
        yaw = float(rng.uniform(-math.pi, math.pi))
    azimuth = math.atan2(float(facing[0]), float(facing[2])) + yaw
    eye_height = float(rng.uniform(*limits.height_m))
    share = float(rng.uniform(*limits.subject))
    roll = math.radians(float(rng.normal(0.0, limits.roll_deg)))
    shift = rng.uniform(-1.0, 1.0, 2)
    sparse = verts[:, ::7]
    low, high = sparse.flatten(0, 1).min(0).values, sparse.flatten(0, 1).max(0).values
    target = (low + high) / 2
    distance = float((high - low).norm()) * focal / (share * height)
    for _ in range(_NUM_DISTANCE_STEPS):
        placed = _look_at(camera, target, azimuth, distance, eye_height, roll)
        points = project(placed.transform(sparse).flatten(0, 1), camera)
        x0, y0 = (float(v) for v in points.min(0).values)
        x1, y1 = (float(v) for v in points.max(0).values)
        # The width must fit too, whatever share of the height was drawn.
        zoom = min(share * height / (y1 - y0), 0.86 * width / (x1 - x0))
        distance /= zoom
    return _recentred(placed, (x0, y0, x1, y1), shift)


def _look_at(
    camera: Camera,
    target: Float[Tensor, " 3"],
    azimuth: float,
    distance: float,
    eye_height: float,
    roll: float,
) -> SceneCamera:
    """A camera at a horizontal distance from the target that looks at it."""
    offset = torch.tensor([math.sin(azimuth) * distance, 0.0, math.cos(azimuth) * distance])
    centre = target + offset
    centre[1] = eye_height
    forward = torch.nn.functional.normalize(target - centre, dim=0)
    right = torch.nn.functional.normalize(
        torch.linalg.cross(forward, torch.tensor([0.0, 1.0, 0.0])), dim=0
    )
    rotmat = torch.stack([right, torch.linalg.cross(forward, right), forward])
    cos, sin = math.cos(roll), math.sin(roll)
    tilt = torch.tensor([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    return SceneCamera(camera, tilt @ rotmat, centre, distance)


def _recentred(
    placed: SceneCamera, box: tuple[float, float, float, float], shift: np.ndarray
) -> SceneCamera:
    """Turn the camera a little so that the body is off-centre by a share of the free margin.

    Args:
        placed: the camera.
        box: left, top, right, bottom of the body on the image, px.
        shift: in [-1, 1] along x and y.
    """
    x0, y0, x1, y1 = box
    camera = placed.camera
    margin = (camera.width - (x1 - x0), camera.height - (y1 - y0))
    wanted = (
        camera.width / 2 + 0.3 * float(shift[0]) * max(0.0, margin[0]),
        camera.height / 2 + 0.2 * float(shift[1]) * max(0.0, margin[1]),
    )
    dx, dy = wanted[0] - (x0 + x1) / 2, wanted[1] - (y0 + y1) / 2
    focal = float(camera.focal[0])
    yaw, pitch = math.atan2(dx, focal), math.atan2(dy, focal)
    turn_yaw = torch.tensor(
        [
            [math.cos(yaw), 0.0, math.sin(yaw)],
            [0.0, 1.0, 0.0],
            [-math.sin(yaw), 0.0, math.cos(yaw)],
        ]
    )
    turn_pitch = torch.tensor(
        [
            [1.0, 0.0, 0.0],
            [0.0, math.cos(pitch), math.sin(pitch)],
            [0.0, -math.sin(pitch), math.cos(pitch)],
        ]
    )
    return replace(placed, world_to_camera=turn_pitch @ turn_yaw @ placed.world_to_camera)
