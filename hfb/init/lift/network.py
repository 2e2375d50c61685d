"""From what the landmark detector says about a blurry image to a body pose.

Not in the paper, which starts from METRO. The detector's 3D landmarks are guesses of a network that
saw sharp people; ours has seen the same detector's answers on blurred people whose pose is known.
It corrects the pose that registration finds from the landmarks alone, and says of every joint how
far off it expects to be.

The network works in the axes of the crop that was read: a camera that looks along the ray through
the person's middle, rolled like the crop. There a person looks the same wherever they stand in the
image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hfb.geometry import rotation_from_6d
from hfb.init.detect.detector_output import CROP_SIZE
from hfb.init.detect.landmarks import LIMB_LANDMARKS
from hfb.ranges import DROPOUT, NETWORK_WIDTH, Range, check_settings

_NUM_LANDMARKS = 33
# Per landmark: x, y, depth, visibility, presence, three of the heat map, three of the world.
_NUM_PER_LANDMARK = 11
_NUM_GLOBAL = 8
_NUM_PER_JOINT = 6
_LARGEST_EXPECTED = 3.0
_SMALLEST_EXPECTED = 0.005


_RANGES: dict[str, Range] = {
    "width": NETWORK_WIDTH,
    "num_blocks": (0, 64),
    "dropout": DROPOUT,
    "num_joints": (1, 1000),
    "num_betas": (1, 1000),
}


@dataclass(frozen=True)
class LiftingSettings:
    """Size of the network.

    Attributes:
        width: hidden units.
        num_blocks: residual blocks of two layers.
        dropout: share of hidden units silenced while training.
        num_joints: of the body, root included.
        num_betas: shape coefficients.
    """

    width: int = 256
    num_blocks: int = 1
    dropout: float = 0.4
    num_joints: int = 24
    num_betas: int = 10

    def __post_init__(self) -> None:
        check_settings(self, "network", _RANGES)


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
    """

    points: Float[Tensor, "B 39 5"]
    heat: Float[Tensor, "B 39 3"]
    world: Float[Tensor, "B 39 3"]
    roi: Float[Tensor, "B 4"]
    camera: Float[Tensor, "B 4"]
    registered: Float[Tensor, "B J 3 3"]

    def __len__(self) -> int:
        return len(self.roi)


@dataclass(frozen=True)
class LiftedPose:
    """Poses with their uncertainty.

    Attributes:
        rotmat: rotation of each joint, root first, in the axes of `view_rotation`.
        betas: shape.
        expected_angle: expected error of each joint's rotation, rad.
        expected_distance: expected error of each joint's position relative to the root, m.
    """

    rotmat: Float[Tensor, "B J 3 3"]
    betas: Float[Tensor, "B S"]
    expected_angle: Float[Tensor, "B J"]
    expected_distance: Float[Tensor, "B J"]


class LiftingNetwork(nn.Module):
    """A residual perceptron over what the detector says and the registered pose.

    Args:
        settings: its size.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, settings: LiftingSettings = LiftingSettings()) -> None:
        super().__init__()
        self.settings = settings
        num_inputs = _NUM_LANDMARKS * _NUM_PER_LANDMARK + _NUM_GLOBAL
        num_inputs += settings.num_joints * _NUM_PER_JOINT
        # Typical values of the inputs, learnt from the pairs before training begins.
        self.register_buffer("mean", torch.zeros(num_inputs))
        self.register_buffer("scale", torch.ones(num_inputs))
        self.enter = nn.Linear(num_inputs, settings.width)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(settings.width),
                nn.Linear(settings.width, settings.width),
                nn.GELU(),
                nn.Dropout(settings.dropout),
                nn.Linear(settings.width, settings.width),
            )
            for _ in range(settings.num_blocks)
        )
        num_outputs = settings.num_joints * 8 + settings.num_betas
        last = nn.Linear(settings.width, num_outputs)
        # Untrained, the network agrees with the registration.
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.leave = nn.Sequential(nn.LayerNorm(settings.width), nn.GELU(), last)

    def forward(self, seen: LiftingInput) -> LiftedPose:
        """Poses in the crop's axes.

        Args:
            seen: what the detector says.
        """
        settings = self.settings
        hidden = self.enter((encode(seen) - self.mean) / self.scale)
        for block in self.blocks:
            hidden = hidden + block(hidden)
        count = settings.num_joints
        sixd, angle, distance, betas = self.leave(hidden).split(
            [6 * count, count, count, settings.num_betas], dim=-1
        )
        # Corrections of the registered pose: of the root in the crop's axes, of a joint in its own.
        none = torch.eye(3, 2).mT.flatten().to(sixd)
        turn = rotation_from_6d(sixd.unflatten(-1, (count, 6)) + none)
        before = registered_in_view(seen)
        root = turn[:, :1] @ before[:, :1]
        return LiftedPose(
            rotmat=torch.cat([root, before[:, 1:] @ turn[:, 1:]], 1),
            betas=betas,
            expected_angle=_positive(angle - 1.5),
            expected_distance=_positive(distance - 2.5),
        )


def _positive(raw: Tensor) -> Tensor:
    """Expected errors between half a centimetre (or a third of a degree) and 3."""
    low, high = math.log(_SMALLEST_EXPECTED), math.log(_LARGEST_EXPECTED)
    return raw.clamp(low, high).exp()


def encode(seen: LiftingInput) -> Float[Tensor, "B D"]:
    """Numbers of about unit size, the same wherever in the image the person is.

    Args:
        seen: what the detector says.
    """
    body = slice(0, _NUM_LANDMARKS)
    xy = seen.points[:, body, :2] / (CROP_SIZE / 2) - 1.0
    middle, size = _middle_and_size(xy)
    depth = seen.points[:, body, 2:3] / (CROP_SIZE / 2)
    sure = seen.points[:, body, 3:].sigmoid()
    heat = seen.heat[:, body]
    per_landmark = torch.cat(
        [(xy - middle) / size, depth / size, sure, heat[..., :1], (heat[..., 1:] + 0.01).log(),
         seen.world[:, body] * 2.0],
        dim=-1,
    )  # fmt: skip
    focal = seen.camera[:, :1]
    side = seen.roi[:, 2:3] / focal
    off_axis = (seen.roi[:, :2] - seen.camera[:, 2:]) / focal
    cos, sin = seen.roi[:, 3:].cos(), seen.roi[:, 3:].sin()
    x, y = off_axis.split(1, dim=-1)
    return torch.cat(
        [per_landmark.flatten(1), middle[:, 0], size[:, 0].log(), side.log(),
         cos * x + sin * y, cos * y - sin * x, cos, sin,
         registered_in_view(seen)[..., :2].flatten(1)],
        dim=-1,
    )  # fmt: skip


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
    xy = seen.points[:, :_NUM_LANDMARKS, :2] / CROP_SIZE - 0.5
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
