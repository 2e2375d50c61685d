"""What finds starting poses: the interface, for our own and anybody else's."""

from __future__ import annotations

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor

from hfb.body import SmplBody
from hfb.structures import Camera, InitialEstimate


class Initialiser(ABC):
    """Finds starting poses in a photo; a configuration chooses one by `class_path`.

    Derive yours from it, in any module; its `__init__` arguments are the `init_args` of the
    configuration.
    """

    @abstractmethod
    def __call__(
        self,
        image: Float[Tensor, "3 H W"],
        background: Float[Tensor, "3 H W"],
        camera: Camera | None,
        body: SmplBody,
    ) -> InitialEstimate:
        """Starting poses, best first.

        Args:
            image: blurry image, sRGB in [0, 1].
            background: the same scene without the person, sRGB in [0, 1].
            camera: full-image camera; None: not known.
            body: the body model that the poses and betas belong to.

        Raises:
            NoPersonError: if there is nobody in the image.
        """
