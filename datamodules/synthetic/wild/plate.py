"""In what a photo differs from its background besides the person: light, leaves, ghosts, shakes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from scipy.ndimage import gaussian_filter
from torch import Tensor

from datamodules.synthetic.camera_placement import SceneCamera
from datamodules.synthetic.scene import BACKGROUND_FRAMES
from datamodules.synthetic.wild.camera import leaf_flow, shake_flow, shifted
from datamodules.synthetic.wild.settings import Mix
from datamodules.synthetic.world.background import Place, first_hits, pixel_rays
from datamodules.synthetic.world.solids import Ball
from hfb.structures import Exposure


def photo_gain(mix: Mix, details: dict[str, Any]) -> Float[Tensor, "3 1 1"]:
    """Light of the photo over that of its background."""
    if "exposure" not in mix:
        return torch.ones(3, 1, 1)
    rng, strength = mix.rng("exposure"), mix.strength("exposure")
    gain = 1 + strength * (rng.uniform(-0.15, 0.15) + rng.uniform(-0.04, 0.04, 3))
    details.setdefault("exposure", {})["gain"] = gain.tolist()
    return torch.from_numpy(gain).float().clamp(min=0.1)[:, None, None]


def photo_gamma(mix: Mix, details: dict[str, Any]) -> float:
    """Exponent on the photo's encoded values alone: a quarter of the photos has one."""
    rng = mix.rng("gamma")
    if "exposure" not in mix or rng.random() > 0.25:
        return 1.0
    gamma = float(np.exp(mix.strength("exposure") * rng.uniform(-0.1, 0.1)))
    details.setdefault("exposure", {})["gamma"] = gamma
    return gamma


def leaf_mask(place: Place, placed: SceneCamera, mix: Mix) -> Float[np.ndarray, "H W"] | None:
    """Where the scene moves a little, 0 to 1: bushes and trees, some patches of a photograph."""
    if "leaves" not in mix:
        return None
    shape = (placed.camera.height, placed.camera.width)
    if place.world is not None:
        _, owner = first_hits(place.world, placed.centre.numpy(), pixel_rays(placed))
        leafy = [k for k, solid in enumerate(place.world.solids) if isinstance(solid, Ball)]
        mask = np.isin(owner, leafy).reshape(shape)
        return np.asarray(gaussian_filter(mask.astype(np.float64), 1.0)) if mask.any() else None
    patches = gaussian_filter(mix.rng("patches").normal(size=shape), 0.06 * shape[0])
    threshold = np.quantile(patches, 0.8)
    return np.clip((patches - threshold) / (0.6 * patches.std()), 0.0, 1.0)


def stirred(
    image: Float[Tensor, "3 H W"],
    mask: Float[np.ndarray, "H W"] | None,
    mix: Mix,
    when: str,
    instants: int,
) -> Float[Tensor, "3 H W"]:
    """The scene with its leaves as they are at some time, averaged over the instants of it."""
    if mask is None:
        return image
    rng = mix.rng(when)
    amplitude = mix.strength("leaves") * float(mix.rng("wind").uniform(0.3, 1.2))
    first = leaf_flow(rng, mask, amplitude)
    drift = leaf_flow(rng, mask, 0.5 * amplitude)
    moved = [shifted(image, first + k / max(instants - 1, 1) * drift) for k in range(instants)]
    return torch.stack(moved).mean(0)


def plate_light(
    image: Float[Tensor, "3 H W"],
    exposure: Exposure,
    mask: Float[np.ndarray, "H W"] | None,
    mix: Mix,
    details: dict[str, Any],
) -> Float[Tensor, "3 H W"]:
    """The background's light as its own photo shows it: stirred, with a ghost, shaken."""
    plate = stirred(image, mask, mix, "leaves of the background", 1)
    if "ghost" in mix:
        plate = _haunted(plate, exposure, mix, details)
    if mask is not None:
        details["leaves"] = {"share": float(mask.mean())}
    if "shake" in mix:
        flow = shake_flow(mix, *image.shape[-2:])
        details["shake"] = {"px": flow[:, image.shape[-2] // 2, image.shape[-1] // 2].tolist()}
        plate = shifted(plate, flow)
    return plate


def _haunted(
    plate: Float[Tensor, "3 H W"], exposure: Exposure, mix: Mix, details: dict[str, Any]
) -> Float[Tensor, "3 H W"]:
    """The background with the person, blurred as in the photo, shining through somewhere else."""
    rng = mix.rng("ghost")
    share = min(mix.strength("ghost") * float(rng.uniform(0.1, 0.25)), 1.0)
    columns = exposure.alpha[0].amax(0).nonzero()
    extent = float(columns.max() - columns.min()) if len(columns) else 0.0
    dx = round(float(rng.choice([-1.0, 1.0]) * rng.uniform(0.15, 0.9)) * extent)
    dy = round(float(rng.uniform(-0.01, 0.02)) * plate.shape[-2])
    details["ghost"] = {"share": share, "px": [dx, dy]}
    rgb, alpha = (_displaced(layer, dx, dy) for layer in (exposure.rgb, exposure.alpha))
    return (1 - share * alpha) * plate + share * rgb


def _displaced(layer: Float[Tensor, "C H W"], dx: int, dy: int) -> Float[Tensor, "C H W"]:
    """A layer moved by whole pixels; nothing comes in from outside."""
    height, width = layer.shape[-2:]
    moved = torch.zeros_like(layer)
    to_y, to_x = slice(max(dy, 0), height + min(dy, 0)), slice(max(dx, 0), width + min(dx, 0))
    from_y, from_x = slice(max(-dy, 0), height - max(dy, 0)), slice(max(-dx, 0), width - max(dx, 0))
    if from_y.start < from_y.stop and from_x.start < from_x.stop:
        moved[:, to_y, to_x] = layer[:, from_y, from_x]
    return moved


def plate_frames(mix: Mix) -> int:
    """Images averaged into the background."""
    return int(mix.rng("frames").choice([1, 1, 3, 8])) if "noise" in mix else BACKGROUND_FRAMES
