"""VPoser, the pose prior of SMPLify-X, from a file of weights that the user has.

Licensed for research by its authors, so it is not shipped. Layout of the two published versions: V1
(`bodyprior_enc_*`) and V2 (`encoder_net.*`), both from 63 numbers, the rotation vectors of SMPL-X's
21 body joints, to the mean of a normal distribution.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn

from hfb.errors import InputError
from hfb.prior.pose import BodyPosePrior
from hfb.skeleton import NUM_SHARED_JOINTS, require_smpl

_NUM_INPUTS = 3 * (NUM_SHARED_JOINTS - 1)
_PREFIXES = ("module.", "vp_model.", "model.")
# Where the layers of `_Encoder` stand in the two versions' files, and the slope of their leaky
# rectifiers; V2 has none between its second and third layer.
_V1 = {
    "norm": "bodyprior_enc_bn1",
    "first": "bodyprior_enc_fc1",
    "second_norm": "bodyprior_enc_bn2",
    "second": "bodyprior_enc_fc2",
    "mean": "bodyprior_enc_mu",
}
_V2 = {
    "norm": "encoder_net.1",
    "first": "encoder_net.2",
    "second_norm": "encoder_net.4",
    "second": "encoder_net.6",
    "third": "encoder_net.7",
    "mean": "encoder_net.8.mu",
}
_V1_SLOPE, _V2_SLOPE = 0.2, 0.01


class _Encoder(nn.Module):
    """From rotation vectors to the mean of the code, without the dropout of training."""

    def __init__(self, width: int, num_codes: int, is_second_version: bool) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(_NUM_INPUTS)
        self.first = nn.Linear(_NUM_INPUTS, width)
        self.second_norm = nn.BatchNorm1d(width)
        self.second = nn.Linear(width, width)
        self.third = nn.Linear(width, width) if is_second_version else None
        self.mean = nn.Linear(width, num_codes)
        self.slope = _V2_SLOPE if is_second_version else _V1_SLOPE

    def forward(self, poses: Float[Tensor, "K 63"]) -> Float[Tensor, "K Z"]:
        hidden = nn.functional.leaky_relu(self.first(self.norm(poses)), self.slope)
        hidden = self.second(self.second_norm(hidden))
        if self.third is not None:
            return self.mean(self.third(hidden))
        return self.mean(nn.functional.leaky_relu(hidden, self.slope))


class VPoserPrior(BodyPosePrior):
    """prior(theta) of eq. (6) by VPoser's encoder: half the mean square of the pose's code.

    SMPLify-X optimises the code itself and adds its square; here poses are optimised, and their
    codes are what the encoder makes of them. A pose drawn from the prior scores about 0.5, as with
    `MixturePosePrior`, so that the same weight means the same. SMPL's two hand joints play no part.

    Args:
        state: weights by VPoser's own names.
        path: where they come from, for errors.

    Raises:
        InputError: if these are not VPoser's encoder, or one of other poses.
    """

    def __init__(self, state: Mapping[str, Tensor], path: Path) -> None:
        super().__init__()
        state = {_without_prefix(name): value for name, value in state.items()}
        is_second = f"{_V2['first']}.weight" in state
        names = _V2 if is_second else _V1
        try:
            own = {
                f"{layer}.{part}": state[f"{place}.{part}"].float()
                for layer, place in names.items()
                for part in _parts(layer)
            }
            width, num_inputs = own["first.weight"].shape
            num_codes = len(own["mean.weight"])
        except (KeyError, AttributeError, ValueError, TypeError) as error:
            raise InputError(
                f"{path} is no VPoser: it lacks {error} (weights of V1 or V2 are known)"
            ) from error
        if num_inputs != _NUM_INPUTS:
            raise InputError(
                f"{path} is a VPoser of another parameterisation: it takes {num_inputs} numbers a "
                f"pose, rotation vectors of {NUM_SHARED_JOINTS - 1} body joints are {_NUM_INPUTS}"
            )
        self.encoder = _Encoder(width, num_codes, is_second)
        try:
            self.encoder.load_state_dict(own, strict=False)
        except RuntimeError as error:
            reason = str(error).splitlines()[-1].strip()
            raise InputError(f"{path}: the weights do not fit one another ({reason})") from error
        self.requires_grad_(False).eval()

    def forward(self, body_pose: Float[Tensor, "*B P"]) -> Float[Tensor, "*B"]:
        """Energy of poses; see `BodyPosePrior.forward`."""
        require_smpl("the pose prior", 1 + body_pose.shape[-1] // 3)
        poses = body_pose[..., :_NUM_INPUTS].reshape(-1, _NUM_INPUTS)
        codes = self.encoder(poses.to(self.encoder.first.weight.dtype))
        energy = 0.5 * codes.square().mean(-1)
        return energy.reshape(body_pose.shape[:-1]).to(body_pose.dtype)


def is_vposer(state: Mapping[str, object]) -> bool:
    """Whether names of weights look like VPoser's."""
    names = {_without_prefix(name) for name in state}
    return any(f"{layout['first']}.weight" in names for layout in (_V1, _V2))


def _without_prefix(name: str) -> str:
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _parts(layer: str) -> tuple[str, ...]:
    return (
        ("weight", "bias", "running_mean", "running_var")
        if layer.endswith("norm")
        else ("weight", "bias")
    )
