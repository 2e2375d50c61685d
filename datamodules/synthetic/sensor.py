"""What a camera makes of linear light: photon and read noise, clipping, sRGB, 8 bits."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.formation import linear_to_srgb


@dataclass(frozen=True)
class Sensor:
    """Noise of one camera setting.

    Attributes:
        full_well: electrons at white: the photon noise of a value v is sqrt(v / full_well).
        read_noise: standard deviation of the read-out, in units of white.
        bits: of the stored values; 0 keeps them unquantised.
    """

    full_well: float = 8000.0
    read_noise: float = 0.002
    bits: int = 8

    def noise_sigma(self, linear: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        """Standard deviation of the noise on linear values in [0, 1], before encoding."""
        return torch.sqrt(linear.clamp(min=0.0) / self.full_well + self.read_noise**2)

    def expose(
        self, linear: Float[Tensor, "*B"], generator: torch.Generator, frames: int = 1
    ) -> Float[Tensor, "*B"]:
        """Turn light into the values of an image.

        Args:
            linear: light, 1 is white.
            generator: source of the noise.
            frames: images averaged before they are stored, as one does for a background.

        Returns:
            sRGB in [0, 1], quantised to `bits`.
        """
        noise = torch.randn(linear.shape, generator=generator, dtype=linear.dtype)
        exposed = linear + noise * self.noise_sigma(linear) / frames**0.5
        encoded = linear_to_srgb(exposed.clamp(0.0, 1.0))
        if self.bits == 0:
            return encoded
        levels = 2**self.bits - 1
        return (encoded * levels).round() / levels
