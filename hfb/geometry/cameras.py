"""The pinhole camera: x right, y down, z forward, metres; pixel centres lie at +0.5."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.errors import ShapeError
from hfb.structures import Camera

MIN_DEPTH = 0.05
"""Depth in metres at which `project` stops dividing by smaller depths."""


def default_camera(height: int, width: int) -> Camera:
    """A camera for an image of which nothing is known.

    Not in the paper, which never states its camera: the focal length is the image's diagonal, the
    usual choice of regression methods for unknown cameras (a field of view of 53 degrees along the
    diagonal), and the optical axis meets the centre.

    Args:
        height: image rows.
        width: image columns.

    Returns:
        A camera without batch axes, float32.
    """
    focal = math.hypot(width, height)
    return Camera(
        focal=torch.tensor([focal, focal]),
        principal_point=torch.tensor([width / 2.0, height / 2.0]),
        height=height,
        width=width,
    )


def seen_by(points: Float[Tensor, "*B 3"], source: Camera, target: Camera) -> Float[Tensor, "*B 3"]:
    """Where something that one camera sees must be for another to see it at the same pixel.

    Depth grows with the focal length, so that its size in the image stays, too.

    Args:
        points: in the frame of `source`, m, in front of it.
        source: the camera that they belong to, without batch axes.
        target: the other camera, likewise.

    Returns:
        The places in the frame of `target`, m.
    """
    depth = points[..., 2:]
    pixels = source.focal * points[..., :2] / depth + source.principal_point
    depth = depth * (target.focal / source.focal).mean()
    return torch.cat([(pixels - target.principal_point) * depth / target.focal, depth], dim=-1)


def project(points: Float[Tensor, "*B P 3"], camera: Camera) -> Float[Tensor, "*B P 2"]:
    """Pinhole projection of points in the camera frame.

    Args:
        points: camera frame, m. Depths below 0.05 m, also those behind the camera, are projected as
            if they were 0.05 m, so the result is always finite; their depth gets no gradient.
        camera: its batch axes, if any, are the leading batch axes of `points` (or broadcast with
            them): a camera of shape (B,) serves points of shape (B, N, P, 3).

    Returns:
        Pixels, x right and y down; the centre of the first pixel is (0.5, 0.5).

    Raises:
        ShapeError: if the camera has more batch axes than the points.
    """
    num_axes = points.ndim - 2
    focal = _align_batch(camera.focal.to(points), num_axes)
    principal_point = _align_batch(camera.principal_point.to(points), num_axes)
    depth = points[..., 2:].clamp(min=MIN_DEPTH)
    return points[..., :2] / depth * focal + principal_point


def _align_batch(values: Float[Tensor, "*C 2"], num_axes: int) -> Tensor:
    """Insert axes so that the batch axes of `values` are the first of `num_axes`; one for P."""
    missing = num_axes - (values.ndim - 1)
    if missing < 0:
        raise ShapeError(
            f"The camera has {values.ndim - 1} batch axes, the points only {num_axes}: "
            "give the points at least the camera's batch axes."
        )
    return values.reshape(*values.shape[:-1], *([1] * (missing + 1)), 2)
