"""The camera of an estimate file, in its keys `K`, `image_size` and `pixel_center`."""

from __future__ import annotations

import numpy as np
import torch

from hfb.errors import InputError
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
    matrix = values["K"].astype(np.float64)
    matrix = matrix[row if len(matrix) > 1 else 0] if matrix.ndim == 3 else matrix
    if matrix.shape != (3, 3) or matrix[0, 0] <= 0 or matrix[1, 1] <= 0:
        raise InputError(f"{path}: K is not a camera matrix: {values['K'].tolist()}")
    height, width = _size(arrays, image_size)
    shift = PIXEL_CENTER - float(values.get("pixel_center", np.array(PIXEL_CENTER)))
    return Camera(
        focal=torch.tensor([matrix[0, 0], matrix[1, 1]], dtype=torch.float32),
        principal_point=torch.tensor(
            [matrix[0, 2] + shift, matrix[1, 2] + shift], dtype=torch.float32
        ),
        height=height,
        width=width,
    )


def _size(arrays: EstimateArrays, image_size: tuple[int, int] | None) -> tuple[int, int]:
    """Height and width."""
    size = arrays.values.get("image_size")
    if size is not None and size.size == 2:
        width, height = (int(v) for v in size.reshape(-1))
    elif image_size is not None:
        height, width = image_size
    else:
        raise InputError(f"{arrays.path} does not say the image size (key image_size)")
    if image_size is not None and (height, width) != tuple(image_size):
        raise InputError(
            f"{arrays.path} is for an image of {width} x {height} px, this one has "
            f"{image_size[1]} x {image_size[0]}"
        )
    return height, width
