"""The camera of a photo."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from hfb.batch import Batch


@dataclass(frozen=True)
class Camera(Batch):
    """A static pinhole camera.

    Attributes:
        focal: focal lengths along x and y, px.
        principal_point: where the optical axis meets the image, px.
        height: image rows.
        width: image columns.
        up: unit vector away from the ground, camera frame; None: not known, the camera is level.
    """

    focal: Float[Tensor, "*B 2"]
    principal_point: Float[Tensor, "*B 2"]
    height: int
    width: int
    up: Float[Tensor, "*B 3"] | None = None

    @property
    def vertical(self) -> Float[Tensor, "*B 3"]:
        """`up`, or that of a level camera."""
        if self.up is not None:
            return self.up
        level = self.focal.new_tensor([0.0, -1.0, 0.0])
        return level.expand(*self.focal.shape[:-1], 3).contiguous()

    def crop(self, x0: float, y0: float, scale: float, height: int, width: int) -> Camera:
        """The same camera seen through a crop that starts at (x0, y0) and is scaled by `scale`.

        Args:
            x0: left edge of the crop, px of this camera's image.
            y0: upper edge of the crop, px of this camera's image.
            scale: new pixels per old pixel.
            height: rows of the crop.
            width: columns of the crop.
        """
        corner = self.principal_point.new_tensor([x0, y0])
        return Camera(
            focal=self.focal * scale,
            principal_point=(self.principal_point - corner) * scale,
            height=height,
            width=width,
            up=self.up,
        )
