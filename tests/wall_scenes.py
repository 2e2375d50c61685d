"""Walls with and without somebody in front, for what compares photos with backgrounds."""

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from hfb.formation import linear_to_srgb, srgb_to_linear

HEIGHT, WIDTH = 160, 200


def textured_scene(height: int = HEIGHT, width: int = WIDTH, seed: int = 0) -> torch.Tensor:
    """A textured wall, brighter on one side, sRGB, linear light up to 0.6."""
    rng = np.random.default_rng(seed)
    texture = gaussian_filter(rng.standard_normal((3, height, width)), (0, 3, 3))
    slope = np.linspace(0.08, 0.45, width)
    light = (slope * np.exp(2.0 * texture)).clip(0.01, 0.6)
    return linear_to_srgb(torch.from_numpy(light).float())


def photo_of(scene: torch.Tensor, covered: float = 0.15, seed: int = 1) -> torch.Tensor:
    """The scene with somebody in front of a share of it, and noise; 8 bits; one photo."""
    rng = np.random.default_rng(seed)
    photo = srgb_to_linear(scene).clone()
    height, full_width = scene.shape[-2:]
    width, left = round(covered * full_width), round(0.3 * full_width)
    clothes = rng.uniform(0.02, 0.5, (3, 1, 1)) * rng.uniform(0.7, 1.3, (3, height, width))
    photo[..., left : left + width] = torch.from_numpy(clothes).float()
    noisy = linear_to_srgb(photo) + 0.01 * torch.from_numpy(rng.standard_normal(photo.shape))
    return (noisy.clamp(0, 1) * 255).round().float()[None] / 255


def exposed(scene: torch.Tensor, *gain: float) -> torch.Tensor:
    """The scene with other amounts of light, of red, green and blue."""
    light = srgb_to_linear(scene) * torch.tensor(gain)[:, None, None]
    return linear_to_srgb(light.clamp(0, 1))
