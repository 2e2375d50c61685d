"""Where the person is: foreground mask from image and background, crop box, crops.

Not in the paper, which takes full images. The refinement works on a square crop of fixed
resolution, so that its cost and its pixel-sized settings do not depend on the photo.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hfb.errors import NoPersonError, ShapeError
from hfb.formation import linear_to_srgb, srgb_to_linear
from hfb.structures import Camera

_MASK_SIZE = 512
"""Longer side at which the mask is found: its smoothing is set for this size."""

_MIN_DIFFERENCE = 0.05
"""Least sRGB difference that is surely foreground; codecs leave up to 0.03 on still scenes."""

_NOISE_FACTOR = 5.0
"""What is surely foreground, in multiples of the image's median difference."""

_WEAK_SHARE = 0.5
"""Share of the threshold from which pixels connected to sure foreground belong to it too."""

_STRAY_SHARE = 0.02
"""Parts near the main one with a smaller share of its evidence are noise, not limbs."""

STRONG_NOISE = 12 / 255
"""Noise of the difference from which it is smoothed: more than good light leaves."""

_LEFT_NOISE = 3 / 255
"""What the smoothing leaves of it."""

_WIDEST_PX = 8.0
_MIN_AREA = 0.0005
"""Smallest foreground, as a share of the image, that can be a person."""


@dataclass(frozen=True)
class CropBox:
    """A square of the full image; it may reach outside.

    Attributes:
        x0: left edge, px.
        y0: upper edge, px.
        size: side, px.
    """

    x0: int
    y0: int
    size: int


def noise_level(image: Float[Tensor, "3 H W"], background: Float[Tensor, "3 H W"]) -> float:
    """Standard deviation of the noise of `image - background`, from its median deviation.

    A person who covers less than half of the image does not matter to a median.

    Args:
        image: sRGB or linear, in [0, 1].
        background: the same scene without the person.
    """
    difference = (image - background).detach().abs().flatten()
    # 1.4826 turns the median absolute deviation of a normal distribution into its sigma.
    return float(1.4826 * difference.median())


def foreground_mask(
    image: Float[Tensor, "3 H W"],
    background: Float[Tensor, "3 H W"],
    threshold: float | None = None,
) -> Bool[Tensor, "H W"]:
    """Pixels where the image differs from the background: the person's main blob.

    Args:
        image: blurry image, sRGB in [0, 1].
        background: the scene without the person, sRGB.
        threshold: largest channel difference that is still background; from the noise if not given.

    Returns:
        The largest connected part and the parts near it; empty if nothing differs.

    Raises:
        ShapeError: if the two images differ in size.
    """
    moves, evidence = moving_pixels(image, background, threshold)
    parts = _main_parts(moves.astype(np.uint8), evidence).astype(np.uint8)
    height, width = image.shape[1:]
    full = cv2.resize(parts, (width, height), interpolation=cv2.INTER_NEAREST)
    return torch.from_numpy(full > 0).to(image.device)


def moving_pixels(
    image: Float[Tensor, "3 H W"],
    background: Float[Tensor, "3 H W"],
    threshold: float | None = None,
) -> tuple[Bool[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
    """All that differs from the background, whoever it is.

    Args:
        image: blurry image, sRGB in [0, 1].
        background: the scene without people, sRGB.
        threshold: largest channel difference that is still background; from the noise if not given.

    Returns:
        Where something moves, on a picture of at most 512 px; how much it differs where it surely
        does, else 0.

    Raises:
        ShapeError: if the two images differ in size.
    """
    _check_same_size(image, background)
    height, width = image.shape[1:]
    scale = min(1.0, _MASK_SIZE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    difference = _difference(image, background)
    difference = cv2.resize(difference, size, interpolation=cv2.INTER_AREA)
    smooth = cv2.GaussianBlur(difference, (0, 0), 1.5)
    if threshold is None:
        threshold = max(_MIN_DIFFERENCE, _NOISE_FACTOR * float(np.median(smooth)))
    weak = (smooth > _WEAK_SHARE * threshold).astype(np.uint8)
    opened = cv2.morphologyEx(weak, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    closed = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    return closed > 0, np.where(smooth > threshold, smooth, 0.0)


def _difference(
    image: Float[Tensor, "3 H W"], background: Float[Tensor, "3 H W"]
) -> Float[np.ndarray, "H W"]:
    """Largest difference of a channel; where noise is strong, of means in which it cancels."""
    signed = (image - background).detach().float().cpu()
    noise = pixel_noise(signed)
    if noise > STRONG_NOISE:
        # A Gaussian of radius r leaves 1 / (2 sqrt(pi) r) of independent noise.
        radius = noise / (_LEFT_NOISE * 2.0 * math.pi**0.5)
        array = signed.permute(1, 2, 0).numpy()
        smooth = cv2.GaussianBlur(array, (0, 0), min(radius, _WIDEST_PX))
        signed = torch.from_numpy(smooth).permute(2, 0, 1)
    return signed.abs().amax(0).numpy()


def pixel_noise(difference: Float[Tensor, "3 H W"]) -> float:
    """Standard deviation of what changes from pixel to pixel, whatever the photos' exposures.

    Args:
        difference: image minus background.
    """
    if difference.shape[-1] < 2:
        return 0.0
    steps = (difference[..., 1:] - difference[..., :-1]).abs()
    return float(1.4826 * steps.flatten().median() / 2.0**0.5)


def _main_parts(mask: np.ndarray, evidence: np.ndarray) -> np.ndarray:
    """The part with most evidence and what lies near it.

    Limbs may be cut off where clothes look like the wall. Parts without any sure foreground go.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    strength = np.bincount(labels.ravel(), weights=evidence.ravel(), minlength=count)
    strength[0] = 0.0
    strength[stats[:, cv2.CC_STAT_AREA] < _MIN_AREA * mask.size] = 0.0
    main = int(strength.argmax())
    if strength[main] == 0:
        return np.zeros_like(mask)
    strength = np.bincount(labels.ravel(), weights=evidence.ravel(), minlength=count)
    x, y, width, height, area = stats[main]
    pad = 0.15 * max(width, height)
    kept = [main]
    for part in range(1, count):
        px, py, p_width, p_height, p_area = stats[part]
        near_x = px < x + width + pad and px + p_width > x - pad
        near_y = py < y + height + pad and py + p_height > y - pad
        is_strong = p_area > 0.01 * area and strength[part] > _STRAY_SHARE * strength[main]
        if part != main and near_x and near_y and is_strong:
            kept.append(part)
    return np.isin(labels, kept)


def find_region(mask: Bool[Tensor, "H W"], margin: float = 0.25) -> CropBox:
    """The square round the person.

    Args:
        mask: foreground, or a matte above some threshold.
        margin: added on each side, as a share of the person's larger extent.

    Raises:
        NoPersonError: if the mask is empty.
    """
    rows, columns = torch.nonzero(mask, as_tuple=True)
    if len(rows) == 0:
        raise NoPersonError(
            "no person: the matte is empty. Check that --data.background shows the same scene "
            "without the person, and that --data.alpha, if given, covers them"
        )
    top, bottom = int(rows.min()), int(rows.max()) + 1
    left, right = int(columns.min()), int(columns.max()) + 1
    size = max(16, round(max(bottom - top, right - left) * (1.0 + 2.0 * margin)))
    return CropBox((left + right - size) // 2, (top + bottom - size) // 2, size)


def crop_image(
    image: Float[Tensor, "*B C H W"], box: CropBox, resolution: int, is_colour: bool = True
) -> Float[Tensor, "*B C R R"]:
    """Cut the box out and resample it to `resolution` px, with anti-aliasing.

    Args:
        image: sRGB colour, or a matte.
        box: the square; pixels outside the image repeat its border.
        resolution: side of the result, px.
        is_colour: resample in linear light, as a coarser sensor would; false for mattes.
    """
    *lead, channels, height, width = image.shape
    rows = torch.arange(box.y0, box.y0 + box.size, device=image.device).clamp(0, height - 1)
    columns = torch.arange(box.x0, box.x0 + box.size, device=image.device).clamp(0, width - 1)
    values = image.reshape(-1, channels, height, width)[:, :, rows][:, :, :, columns]
    if box.size != resolution:
        values = srgb_to_linear(values) if is_colour else values
        values = torch.nn.functional.interpolate(
            values, size=(resolution, resolution), mode="bilinear", antialias=True
        )
        values = linear_to_srgb(values.clamp(0, 1)) if is_colour else values
    return values.reshape(*lead, channels, resolution, resolution)


def crop_valid(height: int, width: int, box: CropBox, resolution: int) -> Float[Tensor, "1 R R"]:
    """Share of each crop pixel that lies inside the full image: a weight for image losses.

    Args:
        height: rows of the full image.
        width: columns of the full image.
        box: the square.
        resolution: side of the crop, px.
    """
    ones = torch.ones(1, box.size, box.size)
    rows = torch.arange(box.y0, box.y0 + box.size)
    columns = torch.arange(box.x0, box.x0 + box.size)
    ones[:, (rows < 0) | (rows >= height)] = 0
    ones[:, :, (columns < 0) | (columns >= width)] = 0
    return crop_image(ones, CropBox(0, 0, box.size), resolution, is_colour=False)


def crop_camera(camera: Camera, box: CropBox, resolution: int) -> Camera:
    """The camera that sees the crop.

    Args:
        camera: of the full image.
        box: the square.
        resolution: side of the crop, px.
    """
    return camera.crop(float(box.x0), float(box.y0), resolution / box.size, resolution, resolution)


def paste_crop(
    crop: Float[Tensor, "C R R"], box: CropBox, height: int, width: int
) -> Float[Tensor, "C H W"]:
    """Put a crop back to its place in an otherwise empty full image (for mattes and images).

    Args:
        crop: values to put back.
        box: where the crop came from.
        height: rows of the full image.
        width: columns of the full image.
    """
    resized = torch.nn.functional.interpolate(
        crop[None], size=(box.size, box.size), mode="bilinear", antialias=True
    )[0]
    full = crop.new_zeros(crop.shape[0], height, width)
    top, left = max(0, box.y0), max(0, box.x0)
    bottom, right = min(height, box.y0 + box.size), min(width, box.x0 + box.size)
    if bottom > top and right > left:
        full[:, top:bottom, left:right] = resized[
            :, top - box.y0 : bottom - box.y0, left - box.x0 : right - box.x0
        ]
    return full


def _check_same_size(image: Tensor, background: Tensor) -> None:
    if image.shape != background.shape:
        raise ShapeError(
            f"image {tuple(image.shape)} and background {tuple(background.shape)} differ in size"
        )
