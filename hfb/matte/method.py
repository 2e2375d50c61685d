"""What finds mattes: the interface, for our own and anybody else's."""

from __future__ import annotations

from abc import ABC, abstractmethod

from jaxtyping import Bool, Float
from torch import Tensor

from hfb.matte.matting import estimate_alpha


class Matting(ABC):
    """Finds the matte of the person in a photo; a configuration chooses one by `class_path`.

    Derive yours from it, in any module; its `__init__` arguments are the `init_args` of the
    configuration.
    """

    @abstractmethod
    def __call__(
        self,
        blurry: Float[Tensor, "3 H W"],
        background: Float[Tensor, "3 H W"],
        hint: Bool[Tensor, "H W"] | None = None,
    ) -> Float[Tensor, "1 H W"]:
        """The share of the exposure during which the person covers each pixel, in [0, 1].

        Args:
            blurry: the image, sRGB in [0, 1].
            background: the same scene without the person, sRGB in [0, 1].
            hint: pixels deep inside the starting pose, which are rather opaque.
        """


class OwnMatting(Matting):
    """From the two images alone, without a network: `hfb.matte.estimate_alpha`."""

    def __call__(
        self,
        blurry: Float[Tensor, "3 H W"],
        background: Float[Tensor, "3 H W"],
        hint: Bool[Tensor, "H W"] | None = None,
    ) -> Float[Tensor, "1 H W"]:
        """See `estimate_alpha`."""
        return estimate_alpha(blurry, background, hint=hint)
