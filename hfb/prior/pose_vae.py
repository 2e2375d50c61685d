"""How plausible a pose is: a variational autoencoder over joint rotations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hfb.assets import find_asset
from hfb.errors import InputError
from hfb.geometry import rotation_from_6d, rotmat_to_rotvec, rotvec_to_rotmat
from hfb.network_file import NetworkFile
from hfb.prior.kinematics import NUM_JOINTS

POSE_VAE_FILE = "pose_vae.ckpt"
NUM_BODY_JOINTS = NUM_JOINTS - 1

_FILE = NetworkFile("pose prior", POSE_VAE_FILE, "python -m hfb.amp.pose", "hfb-pose-vae")
# A rotation enters and leaves by two columns of its matrix, which determine the third.
_PER_JOINT = 6


@dataclass(frozen=True)
class PoseVaeSettings:
    """Size of a pose VAE; stored in its file.

    Attributes:
        width: hidden units of a layer.
        latent: numbers that a pose is squeezed into.
        dropout: share of hidden units silenced in training.
    """

    width: int = 256
    latent: int = 32
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if self.width < 1 or self.latent < 1 or not 0.0 <= self.dropout < 1.0:
            raise InputError(
                f"pose VAE of width {self.width}, {self.latent} latent numbers and dropout "
                f"{self.dropout}: sizes must be at least 1, dropout in [0, 1)."
            )


class VaePosePrior(nn.Module):
    """prior(theta) of eq. (6) by a variational autoencoder, VPoser's idea, trained by ourselves.

    With encoder (m, s), decoder R' and the errors e_j = log(R'_j^T R_j) of the decoded mean, whose
    typical sizes sigma are learned by axis, the energy is the negative evidence bound at the mean
    without its constants, over D = 69:

        (sum (e / sigma)^2 / 2 + sum (m^2 + s^2 - 1 - log s^2) / 2) / D

    Args:
        settings: its size.
    """

    def __init__(self, settings: PoseVaeSettings) -> None:
        super().__init__()
        self.settings = settings
        size = NUM_BODY_JOINTS * _PER_JOINT
        self.encoder = _perceptron(size, 2 * settings.latent, settings)
        self.decoder = _perceptron(settings.latent, size, settings)
        self.log_sigma = nn.Parameter(torch.full((NUM_BODY_JOINTS, 3), -1.5))

    def forward(self, body_pose: Float[Tensor, "*B P"]) -> Float[Tensor, "*B"]:
        """Energy of poses.

        Args:
            body_pose: rotation vectors of the 23 body joints, flattened, rad.

        Returns:
            Energy, unitless; lower is more plausible.
        """
        rotmat = rotvec_to_rotmat(body_pose.unflatten(-1, (NUM_BODY_JOINTS, 3)))
        mean, log_var = self.encode(rotmat)
        misfit = 0.5 * self._relative_error(mean, rotmat).square().sum((-2, -1))
        return (misfit + divergence(mean, log_var)) / body_pose.shape[-1]

    def encode(
        self, rotmat: Float[Tensor, "*B J 3 3"]
    ) -> tuple[Float[Tensor, "*B Z"], Float[Tensor, "*B Z"]]:
        """Mean and logarithmic variance of what a pose is squeezed into."""
        return self.encoder(rotmat[..., :2].flatten(-3)).chunk(2, -1)

    def decode(self, latent: Float[Tensor, "*B Z"]) -> Float[Tensor, "*B J 3 3"]:
        """The pose of latent numbers."""
        sixd = self.decoder(latent).unflatten(-1, (NUM_BODY_JOINTS, _PER_JOINT))
        # Near the resting pose at the start of training, and never degenerate there.
        return rotation_from_6d(sixd + sixd.new_tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]))

    def loss(
        self, rotmat: Float[Tensor, "*B J 3 3"], generator: torch.Generator | None = None
    ) -> tuple[Float[Tensor, "*B"], Float[Tensor, "*B"]]:
        """The two parts of the negative evidence bound: misfit with its normaliser, divergence.

        Args:
            rotmat: poses to learn from.
            generator: source of randomness; torch's own if None.
        """
        mean, log_var = self.encode(rotmat)
        noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype)
        latent = mean + torch.exp(0.5 * log_var) * noise.to(mean.device)
        error = self._relative_error(latent, rotmat)
        return (0.5 * error.square() + self.log_sigma).sum((-2, -1)), divergence(mean, log_var)

    def _relative_error(
        self, latent: Float[Tensor, "*B Z"], rotmat: Float[Tensor, "*B J 3 3"]
    ) -> Float[Tensor, "*B J 3"]:
        error = rotmat_to_rotvec(self.decode(latent).mT @ rotmat)
        return error * torch.exp(-self.log_sigma)


def divergence(mean: Float[Tensor, "*B Z"], log_var: Float[Tensor, "*B Z"]) -> Float[Tensor, "*B"]:
    """Kullback-Leibler divergence of a normal distribution from the standard one."""
    return 0.5 * (mean.square() + log_var.exp() - 1.0 - log_var).sum(-1)


def save_pose_vae(prior: VaePosePrior, path: str | Path, card: dict[str, Any]) -> None:
    """Write a pose VAE with half-precision weights; `torch.load(weights_only=True)` reads it.

    Args:
        prior: what to write.
        path: the file.
        card: plain values about its making, kept beside the weights.
    """
    _FILE.save(prior, prior.settings, Path(path), card)


def load_pose_vae(path: str | Path | None = None) -> VaePosePrior:
    """Read a pose VAE, frozen and ready to use.

    Args:
        path: a file of `python -m hfb.amp.pose fit`, or a folder that holds one; the shipped one
            if None.

    Raises:
        AssetNotFoundError: if the file is not there.
        InputError: if it is no pose VAE.
    """
    file = find_asset(POSE_VAE_FILE, path)
    settings, content = _FILE.read(file, PoseVaeSettings)
    return _FILE.restore(VaePosePrior(settings), content, file)


def _perceptron(num_inputs: int, num_outputs: int, settings: PoseVaeSettings) -> nn.Sequential:
    width = settings.width
    last = nn.Linear(width, num_outputs)
    nn.init.normal_(last.weight, std=0.1 / width**0.5)
    nn.init.zeros_(last.bias)
    return nn.Sequential(
        nn.Linear(num_inputs, width),
        nn.GELU(),
        nn.Dropout(settings.dropout),
        nn.Linear(width, width),
        nn.GELU(),
        last,
    )
