"""What Shape from Blur and Motion from Blur work on: a crop of the photos round the object."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor

from hfb.errors import ShapeError
from hfb.formation import srgb_to_linear
from hfb.matte import CropBox, crop_image, crop_valid, find_region
from hfb.structures import BlurSample

REGION_FLOOR = 0.05
"""Mean silhouette above which a pixel is compared with the photo, in both methods."""


@dataclass(frozen=True)
class ObjectProblem:
    """The photos of one sample, cut to the object.

    Attributes:
        name: of the sample.
        image: blurry crops, in the space that is averaged.
        background: clean crop, in the same space.
        alpha: matte of each crop, 0 outside the photo.
        masks: silhouette of each sub-frame, if they were given.
        valid: 1 inside the photo.
        box: the crop's place in the photo.
        is_linear: whether linear light is averaged, or sRGB values.
    """

    name: str
    image: Float[Tensor, "T 3 S S"]
    background: Float[Tensor, "3 S S"]
    alpha: Float[Tensor, "T 1 S S"]
    masks: Float[Tensor, "T N 1 S S"] | None
    valid: Float[Tensor, "1 S S"]
    box: CropBox
    is_linear: bool

    @property
    def region(self) -> Bool[Tensor, "T 1 S S"]:
        """Where the photo counts: inside the matte (or the mean of the given silhouettes)."""
        seen = self.alpha if self.masks is None else self.masks.mean(1)
        return (seen > REGION_FLOOR) & (self.valid > 0.5)

    @property
    def size(self) -> int:
        """Side of the crop, px."""
        return self.image.shape[-1]

    def frame(self, index: int) -> ObjectProblem:
        """One of the photos as a problem of its own, in the same crop."""
        one = slice(index, index + 1)
        masks = None if self.masks is None else self.masks[one]
        return ObjectProblem(
            self.name,
            self.image[one],
            self.background,
            self.alpha[one],
            masks,
            self.valid,
            self.box,
            self.is_linear,
        )


def build_object_problem(
    sample: BlurSample,
    alpha: Float[Tensor, "T 1 H W"],
    image_size: int,
    margin: float,
    formation: str = "linear",
    masks: Float[Tensor, "T N 1 H W"] | None = None,
) -> ObjectProblem:
    """Cut all photos of a sample to the same square round the object.

    Args:
        sample: photos and background.
        alpha: matte of each photo.
        image_size: side of the crop, px.
        margin: space round the object, as a share of its larger extent.
        formation: "linear" or "srgb": what the exposure averages.
        masks: silhouettes of the sub-frames, if known.

    Raises:
        NoPersonError: if the matte is empty.
        ShapeError: if the mattes are not those of the photos.
    """
    if alpha.shape[0] != len(sample.blurry) or alpha.shape[-2:] != sample.blurry.shape[-2:]:
        raise ShapeError(
            f"{sample.sample_id}: mattes {tuple(alpha.shape)} do not fit the photos "
            f"{tuple(sample.blurry.shape)}"
        )
    box = find_region(alpha.amax(0)[0] > REGION_FLOOR, margin)
    height, width = alpha.shape[-2:]
    valid = crop_valid(height, width, box, image_size)
    is_linear = formation == "linear"
    image = crop_image(sample.blurry, box, image_size)
    background = crop_image(sample.background, box, image_size)
    if is_linear:
        image, background = srgb_to_linear(image), srgb_to_linear(background)
    cut = None if masks is None else valid * crop_image(masks, box, image_size, is_colour=False)
    return ObjectProblem(
        name=sample.sample_id,
        image=image,
        background=background,
        alpha=valid * crop_image(alpha, box, image_size, is_colour=False),
        masks=cut,
        valid=valid,
        box=box,
        is_linear=is_linear,
    )
