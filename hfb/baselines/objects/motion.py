"""How a rigid object moves in Shape from Blur (one photo) and in Motion from Blur (several).

Both put a camera at (0, 0, 5) that looks at the origin, y up, with a vertical field of view of 45
degrees; an object of half-extent 1 at the origin fills about half of the image. Times run over
[0, 1] from the opening of the first shutter to the closing of the last.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hfb.geometry import rotvec_to_rotmat
from hfb.structures import Camera

CAMERA_DISTANCE = 5.0
FIELD_OF_VIEW = 1.57 / 2
"""Vertical, rad: 45 degrees as both programs write it."""

NEAREST, FARTHEST = 3.0, 12.0
"""How far Shape from Blur lets an object come towards the camera and go away from it."""


def object_camera(size: int) -> Camera:
    """The camera of both methods for a square image of `size` px."""
    focal = size / 2 / math.tan(FIELD_OF_VIEW / 2)
    return Camera(torch.tensor([focal, focal]), torch.full((2,), size / 2), size, size)


def quaternion_log(quat_wxyz: Float[Tensor, "*B 4"]) -> Float[Tensor, "*B 3"]:
    """Rotation vector (rad) of a quaternion of any length, scalar first.

    Args:
        quat_wxyz: need not be normalised, must not be zero.
    """
    vector = quat_wxyz[..., 1:]
    # The floor keeps the gradient of the norm finite at the identity.
    length = vector.square().sum(-1, keepdim=True).clamp(min=1e-12).sqrt()
    angle = 2.0 * torch.atan2(length, quat_wxyz[..., :1])
    return vector * (angle / length)


def to_camera_frame(
    verts: Float[Tensor, "*B V 3"],
    rotmat: Float[Tensor, "*B N 3 3"],
    transl: Float[Tensor, "*B N 3"],
) -> Float[Tensor, "*B N V 3"]:
    """The object at N times in the frame of `object_camera` (x right, y down, z forward).

    Args:
        verts: model frame, y up.
        rotmat: rotation at each time.
        transl: translation at each time, y up, z towards the camera.
    """
    moved = verts.unsqueeze(-3) @ rotmat.transpose(-1, -2) + transl.unsqueeze(-2)
    flip = moved.new_tensor([1.0, -1.0, -1.0])
    return moved * flip + moved.new_tensor([0.0, 0.0, CAMERA_DISTANCE])


class LinearMotion(nn.Module):
    """Shape from Blur: a straight path and a constant angular velocity.

    Args:
        batch: how many objects.
        num_subframes: n; the angular velocity is counted in n-ths.
        path: first and last position at the start. Shape from Blur starts at rest and learns from
            its sub-frame masks where the object goes; without them, rest in the middle of the
            exposure has no gradient towards either direction.
    """

    def __init__(self, batch: int, num_subframes: int, path: Float[Tensor, "2 3"]) -> None:
        super().__init__()
        self.num_subframes = num_subframes
        ends = free_position(path.flip(0))
        self.ends = nn.Parameter(ends.expand(batch, 2, 3).clone())
        self.quats = nn.Parameter(torch.ones(batch, 2, 4))

    def forward(
        self, t: Float[Tensor, " N"]
    ) -> tuple[Float[Tensor, "B N 3 3"], Float[Tensor, "B N 3"]]:
        """Rotation and translation at times in [0, 1]."""
        end, start = bounded_position(self.ends).unbind(1)
        transl = start[:, None] + t[:, None] * (end - start)[:, None]
        velocity, first = quaternion_log(self.quats).unbind(1)
        # n - 1 steps of half the angular velocity's n-th from the first sub-frame to the last.
        steps = (self.num_subframes - 1) / (2 * self.num_subframes)
        turn = rotvec_to_rotmat(velocity[:, None] * (steps * t[:, None]))
        return turn @ rotvec_to_rotmat(first)[:, None], transl


def bounded_position(raw: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B 3"]:
    """Free numbers as a place that the camera sees: Shape from Blur's own bounds."""
    squashed = torch.tanh(raw)
    depth = squashed[..., 2:]
    depth = torch.where(depth > 0, NEAREST * depth, FARTHEST * depth)
    return torch.cat([squashed[..., :2] * (CAMERA_DISTANCE - depth) / 2, depth], -1)


def free_position(place: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B 3"]:
    """The free numbers of a place in the plane z = 0; what lies outside the bounds is moved in.

    Args:
        place: its z does not count.
    """
    squashed = (place[..., :2] / (CAMERA_DISTANCE / 2)).clamp(-0.95, 0.95)
    return torch.cat([torch.atanh(squashed), torch.zeros_like(place[..., 2:])], -1)


class PiecewiseMotion(nn.Module):
    """Motion from Blur: two quadratic pieces over all photos, each with its own angular velocity.

    Args:
        batch: how many objects.
        num_frames: photos, T.
        path: first and last position at the start, as for `LinearMotion`.
    """

    NUM_PIECES = 2
    DEGREE = 2
    EXPOSURE_START = 5.0
    """sigmoid(5) = .993: the shutter is first taken to be open nearly all the time."""

    def __init__(self, batch: int, num_frames: int, path: Float[Tensor, "2 3"]) -> None:
        super().__init__()
        self.num_frames = num_frames
        coeffs = torch.zeros(batch, self.NUM_PIECES, self.DEGREE + 1, 3)
        coeffs[:, 0, 0] = path[0]
        coeffs[:, :, 1] = (path[1] - path[0]) / self.NUM_PIECES
        self.coeffs = nn.Parameter(coeffs)
        self.first = nn.Parameter(torch.ones(batch, 4))
        self.velocity_quats = nn.Parameter(torch.ones(batch, self.NUM_PIECES, 4))
        self.exposure_logit = nn.Parameter(torch.full((batch,), self.EXPOSURE_START))

    def exposure(self) -> Float[Tensor, " B"]:
        """Share of the frame time in which the shutter is open."""
        return torch.sigmoid(self.exposure_logit)

    def frame_times(self, t: Float[Tensor, "T N"]) -> Float[Tensor, "B T N"]:
        """Times within each photo's exposure as times of the whole path, in [0, 1]."""
        frame = torch.arange(self.num_frames, dtype=t.dtype)[:, None]
        opened = self.exposure()[:, None, None]
        # The last photo's shutter closes at the end of the path.
        return (frame + opened * t) / (self.num_frames - 1 + opened)

    def forward(
        self, t: Float[Tensor, "T N"]
    ) -> tuple[Float[Tensor, "B T N 3 3"], Float[Tensor, "B T N 3"]]:
        """Rotation and translation at times in [0, 1] of each photo's exposure."""
        time = self.frame_times(t)
        share = self._first_share()[:, None, None]
        local = torch.stack([time / share, (time - share) / (1.0 - share)], 1).clamp(0.0, 1.0)
        powers = local[..., None] ** torch.arange(1, self.DEGREE + 1, dtype=t.dtype)
        # Both pieces are added up: the second stands still before its turn, the first after.
        path = torch.einsum("bptnk,bpkc->btnc", powers, self.coeffs[:, :, 1:])
        transl = self.coeffs[:, 0, 0][:, None, None] + path
        # Half the angular velocity a photo, as in the published program.
        velocity = quaternion_log(self.velocity_quats) / 2
        length = torch.stack([share, 1.0 - share], 1) * self.num_frames
        angles = (local * length)[..., None] * velocity[:, :, None, None]
        turn = rotvec_to_rotmat(angles)
        first = rotvec_to_rotmat(quaternion_log(self.first))[:, None, None]
        return turn[:, 1] @ turn[:, 0] @ first, transl

    def _first_share(self) -> Float[Tensor, " B"]:
        """Part of the time that the first piece takes: as much as it has of the speed."""
        speed = self.coeffs[:, :, 1].detach().norm(dim=-1) + 1e-6
        return (speed[:, 0] / speed.sum(1)).clamp(0.05, 0.95)
