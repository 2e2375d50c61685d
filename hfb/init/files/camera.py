"""The camera of an estimate file, in its keys `K`, `image_size` and `pixel_center`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from hfb.errors import InputError
from hfb.files.intrinsics import camera_of_matrix
from hfb.init.files.arrays import EstimateArrays
from hfb.structures import Camera

PIXEL_CENTER = 0.5
"""Where the first pixel's centre lies in our images; files may count from another place."""


def camera_arrays(camera: Camera) -> dict[str, np.ndarray]:
    """What a file says about its camera.

    Args:
        camera: of the full image; of several alike, the first.
    """
    focal = camera.focal.reshape(-1, 2)[0].tolist()
    centre = camera.principal_point.reshape(-1, 2)[0].tolist()
    matrix = [[focal[0], 0, centre[0]], [0, focal[1], centre[1]], [0, 0, 1]]
    return {
        "K": np.array(matrix, np.float32),
        "pixel_center": np.array(PIXEL_CENTER, np.float32),
        "image_size": np.array([camera.width, camera.height], np.int32),
    }


def camera_of(
    arrays: EstimateArrays, row: int, image_size: tuple[int, int] | None, camera: Camera | None
) -> Camera:
    """The full-image camera of a row.

    Args:
        arrays: of the file.
        row: which.
        image_size: height and width of the image, compared with the file's.
        camera: for files without `K`; ignored if the file has one.

    Raises:
        InputError: if there is no camera, none of this image size, or no camera matrix in `K`.
    """
    path, values = arrays.path, arrays.values
    if "K" not in values:
        if camera is None:
            raise InputError(
                f"{path} has no camera (key K), as plain AMASS files; give --data.camera with the "
                "focal length in px that its translation was made for"
            )
        return camera
    height, width = _size(arrays, row, image_size)
    matrix = arrays.shared("K", row, (3, 3))
    found = camera_of_matrix(matrix, height, width, str(path))
    centre = values.get("pixel_center", np.array(PIXEL_CENTER))
    if centre.size != 1:
        raise InputError(f"{path}: pixel_center must be one number")
    shift = PIXEL_CENTER - float(centre.reshape(()))
    return replace(found, principal_point=found.principal_point + shift)


def one_camera(
    arrays: EstimateArrays, row: int, image_size: tuple[int, int] | None, camera: Camera | None
) -> tuple[Camera, Camera]:
    """The camera that a row was made for, and the one that all rows of the file are moved to.

    Tools that look at crops give each row a focal length of its own, by the size of its crop, and
    its depth means something else in each row. A clip has one camera: the first row's.

    Args:
        arrays: of the file.
        row: which.
        image_size: height and width of the image.
        camera: for files without `K`.

    Raises:
        InputError: as `camera_of`.
    """
    own = camera_of(arrays, row, image_size, camera)
    if "K" not in arrays.values:
        return own, own
    size = (own.height, own.width)
    first = row
    if image_size is not None:
        first = 0
    elif "image_size" in arrays.values:
        first = next(k for k in range(row + 1) if _size(arrays, k, None) == size)
    common = camera_of(arrays, first, image_size, camera)
    same_focal = torch.equal(common.focal, own.focal)
    is_same = same_focal and torch.equal(common.principal_point, own.principal_point)
    return own, own if is_same else common


def _size(arrays: EstimateArrays, row: int, image_size: tuple[int, int] | None) -> tuple[int, int]:
    """Height and width of a row's image."""
    if "image_size" in arrays.values:
        width, height = (int(n) for n in arrays.shared("image_size", row, (2,)))
    elif image_size is not None:
        height, width = image_size
    else:
        raise InputError(f"{arrays.path} does not say the image size (key image_size)")
    if min(height, width) < 1:
        raise InputError(f"{arrays.path}: image_size is {width} x {height} px")
    if image_size is not None and (height, width) != tuple(image_size):
        raise InputError(
            f"{arrays.path} is for an image of {width} x {height} px in row {row}, this one has "
            f"{image_size[1]} x {image_size[0]}"
        )
    return height, width
