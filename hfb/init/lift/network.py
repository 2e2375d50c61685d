"""From what the landmark detector says about a blurry image to a body pose.

Not in the paper, which starts from METRO. The detector's 3D landmarks are guesses of a network that
saw sharp people; ours has seen the same detector's answers on blurred people whose pose is known.
It corrects the pose that registration finds from the landmarks alone, says of every joint how far
off it expects to be, and how likely each turn of the whole body is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hfb.errors import InputError
from hfb.geometry import rotation_from_6d
from hfb.init.lift.encoding import (
    NUM_GLOBAL,
    NUM_LANDMARKS,
    NUM_PER_JOINT,
    NUM_PER_LANDMARK,
    EncodedInput,
    LiftingInput,
    encode,
    registered_in_view,
)
from hfb.init.lift.turn import NUM_FACING, NUM_UP
from hfb.ranges import DROPOUT, NETWORK_WIDTH, Range, check_settings

_LARGEST_EXPECTED = 3.0
_SMALLEST_EXPECTED = 0.005
_PER_JOINT_OUTPUT = 8
_NUM_HEADS = 4


_RANGES: dict[str, Range] = {
    "width": NETWORK_WIDTH,
    "token_width": NETWORK_WIDTH,
    "num_layers": (0, 64),
    "dropout": DROPOUT,
    "token_dropout": DROPOUT,
    "num_joints": (1, 1000),
    "num_betas": (1, 1000),
}


@dataclass(frozen=True)
class LiftingSettings:
    """Size of the network.

    Attributes:
        width: hidden units of the perceptron that reads everything at once.
        token_width: numbers a joint has in the transformer; a multiple of 4.
        num_layers: of the transformer; 0: the perceptron alone.
        dropout: share of the perceptron's units silenced while training.
        token_dropout: the same in the transformer.
        num_joints: of the body, root included.
        num_betas: shape coefficients.
    """

    width: int = 256
    token_width: int = 64
    num_layers: int = 2
    dropout: float = 0.3
    token_dropout: float = 0.1
    num_joints: int = 24
    num_betas: int = 10

    def __post_init__(self) -> None:
        check_settings(self, "network", _RANGES)
        if self.token_width % _NUM_HEADS:
            raise InputError(
                f"network.token_width {self.token_width} must be a multiple of {_NUM_HEADS}"
            )


@dataclass(frozen=True)
class LiftedPose:
    """Poses with their uncertainty.

    Attributes:
        rotmat: rotation of each joint, root first, in the axes of `view_rotation`.
        betas: shape.
        expected_angle: expected error of each joint's rotation, rad.
        expected_distance: expected error of each joint's position relative to the root, m.
        facing_logits: of the directions that the body may face (`hfb.init.lift.turn`).
        up_logits: of upright, level and upside down.
    """

    rotmat: Float[Tensor, "B J 3 3"]
    betas: Float[Tensor, "B S"]
    expected_angle: Float[Tensor, "B J"]
    expected_distance: Float[Tensor, "B J"]
    facing_logits: Float[Tensor, "B 8"]
    up_logits: Float[Tensor, "B 3"]


class LiftingNetwork(nn.Module):
    """A perceptron over everything, and a transformer over the joints that adds to its answer.

    Args:
        settings: its size.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, settings: LiftingSettings = LiftingSettings()) -> None:
        super().__init__()
        self.settings = settings
        num_inputs = NUM_LANDMARKS * NUM_PER_LANDMARK + NUM_GLOBAL
        num_inputs += settings.num_joints * NUM_PER_JOINT
        # Typical values of the inputs, learnt from the pairs before training begins.
        self.register_buffer("mean", torch.zeros(num_inputs))
        self.register_buffer("scale", torch.ones(num_inputs))
        width, joints = settings.width, settings.num_joints
        self.outline = _Outline(width, settings.dropout)
        self.enter = nn.Linear(num_inputs, width)
        self.block = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, width),
            nn.GELU(),
            nn.Dropout(settings.dropout),
            nn.Linear(width, width),
        )
        self.joints = _JointTransformer(settings) if settings.num_layers else None
        self._sizes = [_PER_JOINT_OUTPUT * joints, settings.num_betas, NUM_FACING, NUM_UP]
        # Untrained, the network agrees with the registration.
        self.leave = nn.Sequential(nn.LayerNorm(width), nn.GELU(), _zeroed(width, sum(self._sizes)))

    def forward(self, seen: LiftingInput) -> LiftedPose:
        """Poses in the crop's axes.

        Args:
            seen: what the detector says.
        """
        count = self.settings.num_joints
        encoded = encode(seen)
        flat = (encoded.flat() - self.mean) / self.scale
        hidden = self.enter(flat) + self.outline(encoded.outline)
        hidden = hidden + self.block(hidden)
        raw, betas, facing, up = self.leave(hidden).split(self._sizes, dim=-1)
        per_joint = raw.unflatten(-1, (count, _PER_JOINT_OUTPUT))
        if self.joints is not None:
            per_joint = per_joint + self.joints(self._standard(flat), hidden)
        sixd, angle, distance = per_joint.split([6, 1, 1], dim=-1)
        # Corrections of the registered pose: of the root in the crop's axes, of a joint in its own.
        none = torch.eye(3, 2).mT.flatten().to(sixd)
        turn = rotation_from_6d(sixd + none)
        before = registered_in_view(seen)
        root = turn[:, :1] @ before[:, :1]
        return LiftedPose(
            rotmat=torch.cat([root, before[:, 1:] @ turn[:, 1:]], 1),
            betas=betas,
            expected_angle=_positive(angle[..., 0] - 1.5),
            expected_distance=_positive(distance[..., 0] - 2.5),
            facing_logits=facing,
            up_logits=up,
        )

    def _standard(self, flat: Float[Tensor, "B D"]) -> EncodedInput:
        """Standardised inputs by what they belong to."""
        sizes = [NUM_LANDMARKS * NUM_PER_LANDMARK, NUM_GLOBAL,
                 self.settings.num_joints * NUM_PER_JOINT]  # fmt: skip
        landmarks, overall, joints = flat.split(sizes, dim=-1)
        return EncodedInput(
            landmarks.unflatten(-1, (NUM_LANDMARKS, NUM_PER_LANDMARK)),
            overall,
            joints.unflatten(-1, (self.settings.num_joints, NUM_PER_JOINT)),
            flat.new_zeros(len(flat), 2, 32, 32),
        )


class _Outline(nn.Module):
    """Mask and matte as hidden units."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(2, 16, 4, stride=4),
            nn.GELU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(32 * 16, width),
        )

    def forward(self, outline: Float[Tensor, "B 2 32 32"]) -> Float[Tensor, "B W"]:
        return self.layers(outline)  # type: ignore[no-any-return]


class _JointTransformer(nn.Module):
    """One token a joint: its registered rotation, a learnt mix of landmarks, and all the rest."""

    def __init__(self, settings: LiftingSettings) -> None:
        super().__init__()
        width, joints = settings.token_width, settings.num_joints
        self.of_landmark = nn.Linear(NUM_PER_LANDMARK, width)
        self.which_landmark = nn.Parameter(0.02 * torch.randn(NUM_LANDMARKS, width))
        self.mix = nn.Parameter(torch.randn(joints, NUM_LANDMARKS) / NUM_LANDMARKS**0.5)
        self.of_joint = nn.Linear(NUM_PER_JOINT, width)
        self.which_joint = nn.Parameter(0.02 * torch.randn(joints, width))
        self.of_all = nn.Linear(settings.width, width)
        self.layers = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(
                width, _NUM_HEADS, 2 * width, settings.token_dropout, "gelu",
                batch_first=True, norm_first=True,
            ),
            settings.num_layers,
            nn.LayerNorm(width),
            enable_nested_tensor=False,
        )  # fmt: skip
        # A layer of its own for each joint: elbows and knees are wrong in ways of their own.
        self.leave = nn.Parameter(torch.zeros(joints, width, _PER_JOINT_OUTPUT))

    def forward(self, inputs: EncodedInput, hidden: Float[Tensor, "B W"]) -> Float[Tensor, "B J 8"]:
        landmarks = torch.nn.functional.gelu(
            self.of_landmark(inputs.landmarks) + self.which_landmark
        )
        tokens = self.mix @ landmarks + self.of_joint(inputs.joints) + self.which_joint
        tokens = self.layers(tokens + self.of_all(hidden)[:, None])
        return torch.einsum("bjw,jwo->bjo", tokens, self.leave)


def _zeroed(num_in: int, num_out: int) -> nn.Linear:
    layer = nn.Linear(num_in, num_out)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def _positive(raw: Tensor) -> Tensor:
    """Expected errors between half a centimetre (or a third of a degree) and 3."""
    low, high = math.log(_SMALLEST_EXPECTED), math.log(_LARGEST_EXPECTED)
    return raw.clamp(low, high).exp()
