"""Richardson-Lucy deconvolution by motion along straight lines that differ from place to place."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from hfb.baselines.restoration.motion import RAMP_RANGE, person_extent
from hfb.baselines.restoration.settings import RestoreSettings
from hfb.errors import InputError


def deblur(
    layers: Float[np.ndarray, "H W C"],
    field: Float[np.ndarray, "H W 2"],
    settings: RestoreSettings,
) -> Float[np.ndarray, "H W C"]:
    """Richardson-Lucy deconvolution, tile by tile with the kernel of each tile's motion.

    Args:
        layers: not negative; the last one is the matte, in [0, 1].
        field: motion during the exposure, px.
        settings: tiles and iterations.

    Raises:
        InputError: if scikit-image is not installed.
    """
    matte = layers[..., -1]
    extent = person_extent(matte)
    step = max(8, round(settings.tile * extent))
    total, weights = np.zeros_like(layers), np.zeros(matte.shape)
    reach = 2 + int(np.ceil(np.hypot(field[..., 0], field[..., 1]).max()))
    rows, columns = np.nonzero(matte > RAMP_RANGE[0])
    hat = _hat(step)
    for top in range(rows.min() - step, rows.max() + 1, step):
        for left in range(columns.min() - step, columns.max() + 1, step):
            # Tiles of twice the step overlap by half and are blended by hats that sum to 1.
            place = _clipped(top, left, 2 * step, matte.shape)
            if not (matte[place] > RAMP_RANGE[0]).any():
                continue
            wide = _clipped(top - reach, left - reach, 2 * step + 2 * reach, matte.shape)
            motion = np.average(
                field[place].reshape(-1, 2), axis=0, weights=matte[place].ravel() + 1e-6
            )
            sharp = _richardson_lucy(layers[wide], line_kernel(motion), settings.num_iterations)
            inner = tuple(
                slice(p.start - w.start, p.stop - w.start) for p, w in zip(place, wide, strict=True)
            )
            part = hat[
                place[0].start - top : place[0].stop - top,
                place[1].start - left : place[1].stop - left,
            ]
            total[place] += part[..., None] * sharp[inner]
            weights[place] += part
    known = weights[..., None] > 1e-3
    result = np.where(known, total / np.maximum(weights, 1e-3)[..., None], layers)
    result[..., -1] = np.clip(result[..., -1], 0.0, 1.0)
    # No channel can be brighter than white seen through the matte.
    result[..., :-1] = np.clip(result[..., :-1], 0.0, result[..., -1:])
    return result


def line_kernel(motion: Float[np.ndarray, " 2"]) -> Float[np.ndarray, "K K"]:
    """The blur of a point that moves along a straight line, centred; sums to 1.

    Args:
        motion: along x and y, px.
    """
    half = int(np.ceil(np.abs(motion).max() / 2)) + 1
    kernel = np.zeros((2 * half + 1, 2 * half + 1))
    count = max(1, 8 * int(np.ceil(np.hypot(*motion))))
    for share in (np.arange(count) + 0.5) / count - 0.5:
        x, y = half + share * motion
        column, row = int(np.floor(x)), int(np.floor(y))
        right, below = x - column, y - row
        kernel[row, column] += (1 - right) * (1 - below)
        kernel[row, column + 1] += right * (1 - below)
        kernel[row + 1, column] += (1 - right) * below
        kernel[row + 1, column + 1] += right * below
    return kernel / kernel.sum()


def _richardson_lucy(layers: np.ndarray, kernel: np.ndarray, num_iterations: int) -> np.ndarray:
    try:
        from skimage.restoration import richardson_lucy
    except ImportError as error:
        raise InputError(
            "restoring sub-frames needs scikit-image: pip install scikit-image"
        ) from error
    if kernel.shape == (3, 3):  # no blur worth the ringing
        return layers
    return np.stack(
        [
            richardson_lucy(channel, kernel, num_iterations, clip=False, filter_epsilon=1e-6)
            for channel in np.moveaxis(layers, -1, 0)
        ],
        -1,
    )


def _hat(step: int) -> np.ndarray:
    line = 1.0 - np.abs((np.arange(2 * step) + 0.5) / step - 1.0)
    return np.outer(line, line)


def _clipped(top: int, left: int, side: int, shape: tuple[int, ...]) -> tuple[slice, slice]:
    return (
        slice(max(0, top), max(0, min(shape[0], top + side))),
        slice(max(0, left), max(0, min(shape[1], left + side))),
    )
