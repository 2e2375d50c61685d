"""What the lifting network reads, in the axes that it works in.

A camera that looks along the ray through the person's middle, rolled like the crop that was read:
there a person looks the same wherever they stand in the image.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.init.detect.detector_output import CROP_SIZE
from hfb.init.detect.landmarks import LIMB_LANDMARKS

NUM_LANDMARKS = 33
NUM_PER_LANDMARK = 13
"""x, y, depth, visibility, presence, three of the heat map, three of the world, mask and matte."""

NUM_GLOBAL = 8
NUM_PER_JOINT = 6


@dataclass(frozen=True)
class LiftingInput:
    """What the detector says about B crops; see `hfb.init.detect.detector_output.DetectorOutput`.

    Attributes:
        points: x, y, depth in the crop, px; logits of visibility and presence.
        heat: peaks and widths of the heat maps.
        world: 3D positions in the crop's axes, m.
        roi: centre x, centre y, side, rotation of the crop in the image, px and rad.
        camera: focal lengths and principal point of the image, px.
        registered: pose that the landmarks alone lead to, root first, camera frame.
        mask: how likely each cell shows the person, by the detector.
        matte: share of the exposure in which the person covers each cell; where the background is
            unknown, the mask.
    """

    points: Float[Tensor, "B 39 5"]
    heat: Float[Tensor, "B 39 3"]
    world: Float[Tensor, "B 39 3"]
    roi: Float[Tensor, "B 4"]
    camera: Float[Tensor, "B 4"]
    registered: Float[Tensor, "B J 3 3"]
    mask: Float[Tensor, "B 32 32"]
    matte: Float[Tensor, "B 32 32"]

    def __len__(self) -> int:
        return len(self.roi)


@dataclass(frozen=True)
class EncodedInput:
    """Numbers of about unit size, the same wherever in the image the person is.

    Attributes:
        landmarks: what is known of each.
        overall: place and size of the person, of the crop, and its roll.
        joints: first two columns of each registered rotation, in the network's axes.
        outline: mask and matte, -1 to 1.
    """

    landmarks: Float[Tensor, "B 33 13"]
    overall: Float[Tensor, "B 8"]
    joints: Float[Tensor, "B J 6"]
    outline: Float[Tensor, "B 2 32 32"]

    def flat(self) -> Float[Tensor, "B D"]:
        """All but the outline in one row."""
        return torch.cat([self.landmarks.flatten(1), self.overall, self.joints.flatten(1)], dim=-1)


def encode(seen: LiftingInput) -> EncodedInput:
    """Numbers for the network.

    Args:
        seen: what the detector says.
    """
    body = slice(0, NUM_LANDMARKS)
    xy = seen.points[:, body, :2] / (CROP_SIZE / 2) - 1.0
    middle, size = _middle_and_size(xy)
    depth = seen.points[:, body, 2:3] / (CROP_SIZE / 2)
    sure = seen.points[:, body, 3:].sigmoid()
    heat = seen.heat[:, body]
    outline = torch.stack([seen.mask, seen.matte], 1).to(xy)
    at_landmarks = torch.nn.functional.grid_sample(outline, xy[:, :, None], align_corners=False)
    per_landmark = torch.cat(
        [(xy - middle) / size, depth / size, sure, heat[..., :1], (heat[..., 1:] + 0.01).log(),
         seen.world[:, body] * 2.0, at_landmarks[..., 0].mT],
        dim=-1,
    )  # fmt: skip
    focal = seen.camera[:, :1]
    side = seen.roi[:, 2:3] / focal
    off_axis = (seen.roi[:, :2] - seen.camera[:, 2:]) / focal
    cos, sin = seen.roi[:, 3:].cos(), seen.roi[:, 3:].sin()
    x, y = off_axis.split(1, dim=-1)
    overall = torch.cat(
        [middle[:, 0], size[:, 0].log(), side.log(), cos * x + sin * y, cos * y - sin * x,
         cos, sin],
        dim=-1,
    )  # fmt: skip
    joints = registered_in_view(seen)[..., :2].flatten(-2)
    return EncodedInput(per_landmark, overall, joints, 2.0 * outline - 1.0)


def registered_in_view(seen: LiftingInput) -> Float[Tensor, "B J 3 3"]:
    """The registered pose in the axes that the network works in.

    Args:
        seen: what the detector says.
    """
    root = view_rotation(seen) @ seen.registered[:, 0]
    return torch.cat([root[:, None], seen.registered[:, 1:]], 1)


def _middle_and_size(xy: Float[Tensor, "B 33 2"]) -> tuple[Tensor, Tensor]:
    limbs = xy[:, LIMB_LANDMARKS.tolist()]
    middle = limbs.mean(1, keepdim=True)
    size = (limbs - middle).square().sum(-1).mean(1).sqrt().clamp(min=0.02)
    return middle, size[:, None, None]


def view_rotation(seen: LiftingInput) -> Float[Tensor, "B 3 3"]:
    """Rotation from the image's camera frame to the axes that the network works in.

    The camera is turned by the smallest angle to look at the person's middle, and then rolled with
    the crop.

    Args:
        seen: what the detector says.
    """
    xy = seen.points[:, :NUM_LANDMARKS, :2] / CROP_SIZE - 0.5
    middle = xy[:, LIMB_LANDMARKS.tolist()].mean(1) * seen.roi[:, 2:3]
    cos, sin = seen.roi[:, 3].cos(), seen.roi[:, 3].sin()
    x = seen.roi[:, 0] + cos * middle[:, 0] - sin * middle[:, 1]
    y = seen.roi[:, 1] + sin * middle[:, 0] + cos * middle[:, 1]
    focal, principal = seen.camera[:, :2], seen.camera[:, 2:]
    ray = (torch.stack([x, y], -1) - principal) / focal
    ray = torch.cat([ray, torch.ones_like(ray[:, :1])], -1)
    turn = _turn_to_axis(torch.nn.functional.normalize(ray, dim=-1))
    zero, one = torch.zeros_like(cos), torch.ones_like(cos)
    roll = torch.stack([cos, sin, zero, -sin, cos, zero, zero, zero, one], -1)
    return roll.unflatten(-1, (3, 3)) @ turn


def _turn_to_axis(forward: Float[Tensor, "B 3"]) -> Float[Tensor, "B 3 3"]:
    """The shortest rotation that brings unit vectors with z > -1 onto the z axis."""
    x, y, z = forward.unbind(-1)
    share = 1.0 / (1.0 + z)
    rows = [1 - x * x * share, -x * y * share, -x, -x * y * share, 1 - y * y * share, -y, x, y, z]
    return torch.stack(rows, -1).unflatten(-1, (3, 3))
