"""Sharp sub-frames by classical means, without learned weights, as a method to compare with.

The motion blur of the person is taken to be locally a straight line. For one photo its length and
axis come from the matte's ramps, for several photos from the optical flow between them. Colours and
matte are deconvolved by it (Richardson-Lucy, scikit-image) to mid-exposure and moved along it.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hfb.baselines.restoration.deconvolution import deblur
from hfb.baselines.restoration.motion import motion_from_flow, motion_from_matte, pixels_of
from hfb.baselines.restoration.settings import RestoreSettings
from hfb.formation import linear_to_srgb, srgb_to_linear
from hfb.motion import subframe_times
from hfb.structures import BlurSample


def restore_subframes(
    sample: BlurSample, alpha: Float[Tensor, "T 1 H W"], settings: RestoreSettings
) -> Float[Tensor, "T N 3 H W"]:
    """Sharp images at the mid-points of equal parts of each photo's exposure.

    Args:
        sample: photos and background.
        alpha: matte of each photo.
        settings: see there.

    Returns:
        sRGB in [0, 1]. Of a single photo the direction of time is a guess: one photo cannot tell.

    Raises:
        InputError: if scikit-image is not installed, or a matte is empty.
    """
    mattes = [frame[0].double().numpy() for frame in alpha]
    if len(mattes) > 1:
        fields = motion_from_flow(sample, mattes, settings)
    else:
        fields = [motion_from_matte(mattes[0], settings)]
    background = pixels_of(srgb_to_linear(sample.background))
    photos = []
    for photo, matte, field in zip(sample.blurry, mattes, fields, strict=True):
        blurred = pixels_of(srgb_to_linear(photo)) - (1.0 - matte[..., None]) * background
        # Colour times matte, and the matte itself: both are blurred by the same motion.
        layers = np.concatenate([np.maximum(blurred, 0.0), matte[..., None]], -1)
        sharp = deblur(layers, field, settings)
        photos.append(
            torch.stack(
                [
                    _composite(move(sharp, field * (t - 0.5)), background)
                    for t in subframe_times(settings.num_subframes).tolist()
                ]
            )
        )
    return torch.stack(photos)


def move(
    layers: Float[np.ndarray, "H W C"], shift: Float[np.ndarray, "H W 2"]
) -> Float[np.ndarray, "H W C"]:
    """Move each pixel by its shift (px); outside the image there is nothing."""
    height, width = layers.shape[:2]
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return cv2.remap(
        layers.astype(np.float32),
        (x - shift[..., 0]).astype(np.float32),
        (y - shift[..., 1]).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
    ).astype(np.float64)


def _composite(layers: np.ndarray, background: np.ndarray) -> Float[Tensor, "3 H W"]:
    linear = layers[..., :3] + (1.0 - layers[..., 3:]) * background
    image = torch.from_numpy(linear).permute(2, 0, 1).clamp(0.0, 1.0).float()
    return linear_to_srgb(image)
