"""Sharp sub-frames by classical means, without any learned weights: a competitor's first half.

The motion blur of the person is taken to be locally a straight line. For one photo its length and
axis come from the matte's ramps, for several photos from the optical flow between them. Colours and
matte are deconvolved by it (Richardson-Lucy, scikit-image) to mid-exposure and moved along it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hfb.errors import InputError
from hfb.formation import linear_to_srgb, srgb_to_linear
from hfb.motion import subframe_times
from hfb.structures import BlurSample

_FRACTIONAL = (0.05, 0.95)
"""Matte values of ramps; outside, the gradient is noise."""

_SHARP_RAMP_PX = 2.0
"""Length of the ramp that a matte has where nothing moves."""


@dataclass(frozen=True)
class RestoreSettings:
    """How sub-frames are restored.

    Attributes:
        num_subframes: sharp pictures a photo; Animation-from-Blur and Jin et al. make seven.
        num_iterations: of Richardson-Lucy; more are sharper and ring more.
        tile: side of the tiles with one blur kernel each, as a share of the person's extent.
        window: standard deviation of the window that the local motion is estimated in, as a share
            of the person's extent.
        max_length: longest blur that is believed, as a share of the person's extent.
    """

    num_subframes: int = 7
    num_iterations: int = 10
    tile: float = 0.2
    window: float = 0.08
    max_length: float = 0.2

    def __post_init__(self) -> None:
        if self.num_subframes < 1 or self.num_iterations < 1:
            raise InputError("restore: num_subframes and num_iterations must be at least 1")
        for name in ("tile", "window", "max_length"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise InputError(f"restore: {name} must lie in (0, 1], got {getattr(self, name)}")


def restore_subframes(
    sample: BlurSample, alpha: Float[Tensor, "T 1 H W"], settings: RestoreSettings
) -> Float[Tensor, "T N 3 H W"]:
    """Sharp pictures at the mid-points of equal parts of each photo's exposure.

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
    background = _pixels(srgb_to_linear(sample.background))
    photos = []
    for photo, matte, field in zip(sample.blurry, mattes, fields, strict=True):
        blurred = _pixels(srgb_to_linear(photo)) - (1.0 - matte[..., None]) * background
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


def motion_from_matte(
    matte: Float[np.ndarray, "H W"], settings: RestoreSettings
) -> Float[np.ndarray, "H W 2"]:
    """Local motion during the exposure from the matte's ramps, px; its sign is a guess.

    Where the edge of an opaque thing sweeps over a pixel, the matte's change along the whole motion
    b is 1, so (g b)² = 1 with the gradient g: linear in the matrix b bᵀ, which is fitted by least
    squares in a window round each pixel. Along each gradient's direction the residual is the square
    of a length; a pixel counts by its steepness, since a ramp has as many pixels as it is long.

    Args:
        matte: share of the exposure in which each pixel is covered.
        settings: window and longest motion.

    Raises:
        InputError: if the matte is empty.
    """
    extent = person_extent(matte)
    rows, columns = np.gradient(cv2.GaussianBlur(matte, (0, 0), 1.0))
    steepness = np.hypot(rows, columns)
    least = 1.0 / (settings.max_length * extent)
    is_ramp = (matte > _FRACTIONAL[0]) & (matte < _FRACTIONAL[1]) & (steepness > least)
    safe = np.maximum(steepness, least)
    x, y = columns / safe, rows / safe
    terms = np.stack([x * x, 2 * x * y, y * y], -1)
    counts = is_ramp * steepness
    lengths = counts / safe**2
    products = (counts[..., None, None] * terms[..., :, None] * terms[..., None, :]).reshape(
        *matte.shape, 9
    )
    sums = _window(products, settings.window * extent).reshape(*matte.shape, 3, 3)
    wanted = _window(terms * lengths[..., None], settings.window * extent)
    # Where ramps of one direction only are seen, nothing is known across: take no motion there.
    weak = 1e-3 * np.trace(sums, axis1=-2, axis2=-1)[..., None, None] + 1e-9
    square = np.linalg.solve(sums + weak * np.eye(3), wanted[..., None])[..., 0]
    matrix = square[..., [0, 1, 1, 2]].reshape(*matte.shape, 2, 2)
    values, vectors = np.linalg.eigh(matrix)
    length = np.sqrt(np.clip(values[..., 1] - _SHARP_RAMP_PX**2, 0.0, None))
    length = np.minimum(length, settings.max_length * extent)
    field = length[..., None] * vectors[..., :, 1]
    return _window(_same_sign(field, matte), settings.window * extent / 2)


def motion_from_flow(
    sample: BlurSample, mattes: list[np.ndarray], settings: RestoreSettings
) -> list[Float[np.ndarray, "H W 2"]]:
    """Motion during each exposure from the optical flow to the neighbouring photos, px.

    Args:
        sample: at least two photos and their exposures.
        mattes: of the photos; the flow counts where the person is.
        settings: window.
    """
    grey = [
        cv2.cvtColor((_pixels(photo) * 255).round().astype(np.uint8), cv2.COLOR_RGB2GRAY)
        for photo in sample.blurry
    ]
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    opening, closing = sample.exposure.double().numpy().T
    fields = []
    for k, matte in enumerate(mattes):
        found = [
            flow.calc(grey[k], grey[other], np.zeros((*matte.shape, 2), np.float32))
            * ((closing[k] - opening[k]) / (opening[other] - opening[k]))
            for other in (k - 1, k + 1)
            if 0 <= other < len(grey)
        ]
        weight, sigma = matte[..., None] + 1e-3, settings.window * person_extent(matte) / 2
        field = _window(np.mean(found, axis=0) * weight, sigma) / _window(weight, sigma)
        fields.append(field)
    return fields


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
    rows, columns = np.nonzero(matte > _FRACTIONAL[0])
    hat = _hat(step)
    for top in range(rows.min() - step, rows.max() + 1, step):
        for left in range(columns.min() - step, columns.max() + 1, step):
            # Tiles of twice the step overlap by half and are blended by hats that sum to 1.
            place = _clipped(top, left, 2 * step, matte.shape)
            if not (matte[place] > _FRACTIONAL[0]).any():
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


def move(
    layers: Float[np.ndarray, "H W C"], shift: Float[np.ndarray, "H W 2"]
) -> Float[np.ndarray, "H W C"]:
    """Move each pixel by its shift (px); outside the picture there is nothing."""
    height, width = layers.shape[:2]
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return cv2.remap(
        layers.astype(np.float32),
        (x - shift[..., 0]).astype(np.float32),
        (y - shift[..., 1]).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
    ).astype(np.float64)


def person_extent(matte: Float[np.ndarray, "H W"]) -> float:
    """Larger side of the matte's box, px.

    Raises:
        InputError: if the matte is empty.
    """
    rows, columns = np.nonzero(matte > _FRACTIONAL[0])
    if len(rows) == 0:
        raise InputError("the matte is empty: there is nobody to restore")
    return float(max(np.ptp(rows), np.ptp(columns)) + 1)


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


def _same_sign(field: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """Turn all local motions to the side of the main one: a line has no direction of its own."""
    weighted = field * matte[..., None]
    moments = np.einsum("hwi,hwj->ij", weighted, field)
    main = np.linalg.eigh(moments)[1][:, 1]
    return field * np.where(field @ main < 0, -1.0, 1.0)[..., None]


def _window(values: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian mean of each channel; OpenCV filters at most four channels at once."""
    return np.stack(
        [
            cv2.GaussianBlur(np.ascontiguousarray(channel), (0, 0), max(sigma, 0.5))
            for channel in np.moveaxis(values, -1, 0)
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


def _pixels(image: Float[Tensor, "3 H W"]) -> np.ndarray:
    return image.permute(1, 2, 0).double().numpy()


def _composite(layers: np.ndarray, background: np.ndarray) -> Float[Tensor, "3 H W"]:
    linear = layers[..., :3] + (1.0 - layers[..., 3:]) * background
    image = torch.from_numpy(linear).permute(2, 0, 1).clamp(0.0, 1.0).float()
    return linear_to_srgb(image)
