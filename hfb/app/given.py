"""What a caller of the Python interface gives: paths, arrays, tensors or images, as a sample."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from hfb.background.match import Background, matched_background
from hfb.errors import InputError
from hfb.files.camera import read_camera
from hfb.files.images import image_pixels, read_exposure_time, read_image
from hfb.files.intrinsics import camera_of_matrix
from hfb.files.mattes import checked_matte, matte_of_image, read_matte
from hfb.files.sample_checks import check_pair, sample_name
from hfb.init.detect.without_background import without_background
from hfb.structures import BlurSample, Camera, InitialEstimate

FRAME_TIME_S = 1 / 30
"""From one photo to the next, where nothing tells; what of it the shutter was open is found."""
_LARGEST = {"uint8": 255.0, "uint16": 65535.0}


def sample_of(
    photo: Any,
    background: Any = None,
    camera: Any = None,
    alpha: Any = None,
    estimate: Any = None,
) -> BlurSample:
    """One sample out of a photo, or several consecutive ones, and what belongs to them.

    Args:
        photo: a path, a numpy array (H, W, 3), a tensor (3, H, W), a PIL image, a list of these in
            the order of time, or a `BlurSample` that has all of it.
        background: the same scene without the person, likewise; of a single photo it may be left
            out, which is rougher.
        camera: a `Camera`, a 3 x 3 matrix in px, or the path of a JSON file; None: guessed.
        alpha: matte of the person of each photo, (H, W) in place of (H, W, 3); None: estimated.
        estimate: starting poses: the path of a `*.hfbinit.npz`, or an `InitialEstimate`; None:
            found.

    Returns:
        The sample. Several photos are taken to be frames of a camera of 30 frames a second whose
        exposure is not known; a `BlurSample` can say otherwise.

    Raises:
        InputError: if anything cannot be used; says what and why.
    """
    if isinstance(photo, BlurSample):
        sample = photo
        if background is not None:
            scene = image_of(background, "the background")
            check_pair(sample.blurry[0], scene, sample.sample_id, "the background")
            behind = matched_background(sample.blurry, Background(scene), sample.sample_id)
            sample = replace(sample, background=behind.scene, background_known=behind.known)
    else:
        sample = _sample_of_images(photo, background)
    height, width = sample.blurry.shape[-2:]
    if camera is not None:
        sample = replace(sample, camera=_camera_of(camera, height, width))
    if alpha is not None:
        mattes = [_matte_of(one, height, width) for one in _several(alpha)]
        if len(mattes) != len(sample.blurry):
            raise InputError(f"{len(sample.blurry)} photos, but {len(mattes)} mattes")
        sample = replace(sample, alpha=torch.stack(mattes))
    if background is None and not isinstance(photo, BlurSample):
        sample = without_background(sample, _name(_several(photo)[0], "the photo"))
    if isinstance(estimate, InitialEstimate):
        sample = replace(sample, estimate=estimate)
    elif estimate is not None:
        sample = replace(sample, estimate_path=str(estimate))
    return sample


def _sample_of_images(photo: Any, background: Any) -> BlurSample:
    photos = _several(photo)
    if not photos:
        raise InputError("no photo was given")
    if background is None and len(photos) > 1:
        raise InputError(
            f"{len(photos)} photos need a background: an image of the same scene without the "
            "person, same camera and size (background=…); only a single photo does without"
        )
    images = [image_of(one, f"photo {k}") for k, one in enumerate(photos)]
    first = photos[0]
    names = [_name(photo, f"photo {k}") for k, photo in enumerate(photos)]
    blurry, behind = _with_scene(images, names, background, _name(first, "the photo"))
    is_file = isinstance(first, str | Path)
    is_single = len(images) == 1
    noted = read_exposure_time(first) if is_file and is_single else None
    exposure = noted or FRAME_TIME_S
    opening = exposure * torch.arange(len(images))
    return BlurSample(
        sample_id=sample_name(Path(first).stem) if is_file else _name_of_pixels(images[0]),
        blurry=blurry,
        background=behind.scene,
        background_known=behind.known,
        exposure=torch.stack([opening, opening + exposure], -1),
        fps=1.0 / exposure,
        source=str(first) if is_file else "memory",
        exposure_is_known=is_single,
    )


def _with_scene(
    images: list[Tensor], names: list[str], background: Any, name: str
) -> tuple[Float[Tensor, "T 3 H W"], Background]:
    """The photos as one tensor, and what is behind the person; the photo itself if not given."""
    if background is None:
        return torch.stack(images), Background(images[0])
    scene = image_of(background, "the background")
    for image, own in zip(images, names, strict=True):
        check_pair(image, scene, own, _name(background, "background"))
    blurry = torch.stack(images)
    return blurry, matched_background(blurry, Background(scene), name)


def _name_of_pixels(image: Float[Tensor, "3 H W"]) -> str:
    """A name of its own for each photo, so that results of two do not overwrite each other."""
    return f"photo-{hashlib.sha256(image.numpy().tobytes()).hexdigest()[:8]}"


def _several(given: Any) -> list[Any]:
    return list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given]


def _name(given: Any, otherwise: str) -> str:
    return str(given) if isinstance(given, str | Path) else otherwise


def image_of(given: Any, name: str) -> Float[Tensor, "3 H W"]:
    """An image as sRGB in [0, 1].

    Args:
        given: a path; a PIL image; a numpy array (H, W, 3) or (H, W); a tensor (3, H, W). Whole
            numbers run to 255 or 65,535, others from 0 to 1.
        name: for errors.

    Raises:
        InputError: if it is none of these, or holds other values.
    """
    if isinstance(given, str | Path):
        return read_image(given)
    if isinstance(given, Image.Image):
        return image_pixels(given, name)
    values = _unit_range(given, name)
    if values.ndim == 2:
        values = values[None].expand(3, -1, -1)
    if values.ndim != 3 or values.shape[0] != 3:
        shape = tuple(given.shape)
        raise InputError(
            f"{name} has shape {shape}: give (H, W, 3) as a numpy array, (3, H, W) as a tensor"
        )
    return values.contiguous()


def _matte_of(given: Any, height: int, width: int) -> Float[Tensor, "1 H W"]:
    if isinstance(given, str | Path):
        return read_matte(given, height, width)
    if isinstance(given, Image.Image):
        return matte_of_image(given, height, width)
    values = _unit_range(given, "the matte", is_mask_allowed=True)
    values = values[None] if values.ndim == 2 else values
    if tuple(values.shape) != (1, height, width):
        raise InputError(
            f"the matte has shape {tuple(given.shape)}, but the photo is {height} x {width} px"
        )
    return checked_matte(values, "the matte", height, width)


def _unit_range(given: Any, name: str, is_mask_allowed: bool = False) -> Tensor:
    """Channels first, float in [0, 1]; of a mask of whole numbers, 1 may be the largest."""
    if isinstance(given, np.ndarray):
        kind = given.dtype.name
        array = np.ascontiguousarray(given.astype(np.float32))
        values = torch.from_numpy(array)
        values = values.permute(2, 0, 1) if values.ndim == 3 else values
    elif isinstance(given, Tensor):
        kind = str(given.dtype).removeprefix("torch.")
        values = given.detach().cpu().float()
    else:
        raise InputError(
            f"{name} is a {type(given).__name__}: give a path, a numpy array, a tensor or a PIL "
            "image"
        )
    if kind not in _LARGEST and not kind.startswith(("float", "bfloat", "bool")):
        raise InputError(f"{name} holds {kind}: give uint8, uint16, or floats in [0, 1]")
    if not values.numel():
        raise InputError(f"{name} has shape {tuple(given.shape)}: it holds no pixel")
    if not (is_mask_allowed and bool((values <= 1.0).all())):
        values = values / _LARGEST.get(kind, 1.0)
    if not bool(torch.isfinite(values).all()) or values.min() < 0.0 or values.max() > 1.0:
        raise InputError(f"{name} holds values outside [0, 1], NaN or infinity")
    return values


def _camera_of(given: Any, height: int, width: int) -> Camera:
    if isinstance(given, str | Path):
        return read_camera(given, height, width)
    if isinstance(given, Camera):
        if (given.height, given.width) != (height, width):
            raise InputError(
                f"the camera sees {given.width} x {given.height} px, but the photo is {width} x "
                f"{height} px"
            )
        return given
    return camera_of_matrix(given, height, width, "camera")
