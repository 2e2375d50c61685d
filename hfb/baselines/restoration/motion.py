"""How a person moves locally during an exposure: from the matte of one photo, or from several."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float
from torch import Tensor

from hfb.baselines.restoration.settings import RestoreSettings
from hfb.errors import InputError
from hfb.structures import BlurSample

RAMP_RANGE = (0.05, 0.95)
"""Matte values of ramps; outside, the gradient is noise."""

_SHARP_RAMP_PX = 2.0
"""Length of the ramp that a matte has where nothing moves."""


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
    is_ramp = (matte > RAMP_RANGE[0]) & (matte < RAMP_RANGE[1]) & (steepness > least)
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
        cv2.cvtColor((pixels_of(photo) * 255).round().astype(np.uint8), cv2.COLOR_RGB2GRAY)
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


def person_extent(matte: Float[np.ndarray, "H W"]) -> float:
    """Larger side of the matte's box, px.

    Raises:
        InputError: if the matte is empty.
    """
    rows, columns = np.nonzero(matte > RAMP_RANGE[0])
    if len(rows) == 0:
        raise InputError("the matte is empty: there is nobody to restore")
    return float(max(np.ptp(rows), np.ptp(columns)) + 1)


def pixels_of(image: Float[Tensor, "3 H W"]) -> Float[np.ndarray, "H W 3"]:
    """An image with its channels last, float64."""
    return image.permute(1, 2, 0).double().numpy()


def _same_sign(field: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """Turn all local motions to the side of the main one: a line has no direction of its own."""
    weighted = field * matte[..., None]
    second_moment = np.einsum("hwi,hwj->ij", weighted, field)
    main = np.linalg.eigh(second_moment)[1][:, 1]
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
