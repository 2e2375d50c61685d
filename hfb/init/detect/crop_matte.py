"""The matte as lifting sees it: in the crops that the landmark network was given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hfb.init.detect.decoding import Roi, roi_matrix
from hfb.init.detect.detector_output import CROP_SIZE, in_cells
from hfb.init.detect.landmarks import Landmarks
from hfb.matte import estimate_alpha

# Finer than the cells that the matte is seen in, and fast: longer side of the image, side of the
# person's square, px.
_IMAGE_SIDE, _MATTE_SIDE = 200, 64


def coarse_matte(
    image: Float[Tensor, "3 H W"], background: Float[Tensor, "3 H W"]
) -> Float[np.ndarray, "H W"]:
    """A quick estimate of the matte.

    Args:
        image: blurry image, sRGB in [0, 1].
        background: the same scene without the person, sRGB.
    """
    height, width = image.shape[1:]
    scale = min(1.0, _IMAGE_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = [
        torch.from_numpy(
            cv2.resize(
                pixels.detach().cpu().permute(1, 2, 0).numpy(), size, interpolation=cv2.INTER_AREA
            )
        ).permute(2, 0, 1)
        for pixels in (image, background)
    ]
    alpha = estimate_alpha(small[0], small[1], max_size=_MATTE_SIDE)[0].numpy()
    return np.asarray(cv2.resize(alpha, (width, height), interpolation=cv2.INTER_LINEAR))


def matte_in_crop(alpha: Float[np.ndarray, "H W"], roi: Roi) -> Float[np.ndarray, "32 32"]:
    """Mean matte in the cells of a crop; outside the image there is nobody.

    Args:
        alpha: matte of the image.
        roi: where the crop lies in it.
    """
    matrix = roi_matrix(roi, CROP_SIZE)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    crop = cv2.warpAffine(alpha.astype(np.float32), matrix, (CROP_SIZE, CROP_SIZE), flags=flags)
    return in_cells(crop)


def with_matte(guesses: Sequence[Landmarks], alpha: Float[np.ndarray, "H W"]) -> list[Landmarks]:
    """The same guesses, each detector output with the matte in its crop.

    Args:
        guesses: any number.
        alpha: matte of the image that they were found in; mirrored ones get it mirrored.
    """
    mirrored = np.ascontiguousarray(alpha[:, ::-1])
    return [
        replace(
            guess,
            outputs=tuple(
                replace(
                    output,
                    matte=matte_in_crop(mirrored if output.mirrored_width else alpha, output.roi),
                )
                for output in guess.outputs
            ),
        )
        for guess in guesses
    ]
