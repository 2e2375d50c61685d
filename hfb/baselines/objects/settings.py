"""Settings of Shape from Blur and Motion from Blur; the defaults are the published ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hfb.baselines.objects.prototypes import PrototypeName
from hfb.errors import InputError
from hfb.ranges import NUM_STEPS, SIZE_PX, STEP_SIZE, WEIGHT, Range, check_settings

_RANGES: dict[str, Range] = {
    "num_steps": NUM_STEPS,
    "num_subframes": (1, 256),
    "image_size": SIZE_PX,
    "crop_margin": (0.0, 10.0),
    "texture_size": SIZE_PX,
    "lr": STEP_SIZE,
    "softness_px": (1e-3, 100.0),
    "silhouette": WEIGHT,
    "image": WEIGHT,
    "texture": WEIGHT,
    "laplacian": WEIGHT,
    "erosion": (0, 1_000_000),
    "image_step": (0, 1_000_000),
    "good_silhouette": (0.0, 1e3),
    "late_step": (0, 1_000_000),
    "good_image": (0.0, 1e3),
}


@dataclass(frozen=True)
class ObjectRecipe:
    """What both methods have in common: how an object is fitted.

    Attributes:
        num_steps: Adam steps of each run.
        prototypes: shapes to start from; each makes a run of its own.
        offsets: run with free vertices (true), with the rigid prototype (false), or with both.
        num_subframes: sub-frames n of each photo.
        image_size: side of the square crop, px; published are crops of 320 x 240.
        crop_margin: space round the object, as a share of its larger extent.
        texture_size: side of the texture, texels.
        lr: Adam's step size.
        softness_px: standard deviation of the silhouette's Gaussian rim at `image_size`, px; the
            published renderer's is 1.4 px of its 320.
        silhouette: weight of the silhouettes' overlap.
        image: weight of the photo's absolute difference, sum over RGB.
        texture: weight of the texture's total variation.
        erosion: pairs of a step and the side, px of a crop of 240, of the square that silhouettes
            are eroded by from that step on.
    """

    num_steps: int
    offsets: list[bool] = field(default_factory=lambda: [True, False])
    prototypes: list[PrototypeName] = field(default_factory=lambda: ["sphere", "torus"])
    num_subframes: int = 8
    image_size: int = 128
    crop_margin: float = 0.25
    texture_size: int = 100
    lr: float = 0.1
    softness_px: float = 0.6
    silhouette: float = 1.0
    image: float = 1.0
    texture: float = 1.0
    erosion: list[list[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        check_settings(self, "baselines", _RANGES)
        if not self.prototypes or not self.offsets:
            raise InputError("baselines: name at least one of prototypes and of offsets")
        if any(len(pair) != 2 for pair in self.erosion):
            raise InputError(f"baselines.erosion {self.erosion}: give pairs of a step and a side")

    def erosion_px(self, step: int) -> int:
        """Side of the eroding square at a step, px of the crop, odd."""
        sides = [side for first, side in sorted(self.erosion) if step >= first]
        radius = (sides[-1] - 1) / 2 * self.image_size / 240 if sides else 0.0
        return 2 * round(radius) + 1


@dataclass(frozen=True)
class SfbRecipe(ObjectRecipe):
    """Shape from Blur (Rozumnyi et al., NeurIPS 2021), for one photo.

    Attributes:
        laplacian: weight of the vertices' smoothness.
    """

    num_steps: int = 500
    erosion: list[list[int]] = field(default_factory=lambda: [[0, 3], [99, 5], [199, 7], [299, 11]])
    laplacian: float = 1000.0


@dataclass(frozen=True)
class MfbRecipe(ObjectRecipe):
    """Motion from Blur (Rozumnyi et al., CVPR 2022), for one or several photos.

    Attributes:
        laplacian: weight of the vertices' smoothness at first, from `late_step` on, and once the
            photo's loss is below `good_image`.
        image_step: step from which the photo counts at the latest.
        good_silhouette: silhouette loss below which it counts before.
        late_step: when the vertices are let loose.
        good_image: see `laplacian`.
    """

    num_steps: int = 1000
    erosion: list[list[int]] = field(default_factory=lambda: [[100, 3], [300, 5]])
    laplacian: list[float] = field(default_factory=lambda: [10000.0, 3000.0, 1000.0])
    image_step: int = 100
    good_silhouette: float = 0.3
    late_step: int = 300
    good_image: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.laplacian) != 3:
            raise InputError(f"baselines.laplacian {self.laplacian}: MfB has three stretches")


@dataclass(frozen=True)
class BaselineSettings:
    """Settings of the methods that this project is compared with.

    Attributes:
        sfb: of `sfb`.
        mfb: of `mfb`.
        masks: folder with silhouettes of each sub-frame, `<sample>/000_000.png` (photo, sub-frame)
            and so on, for `sfb` and `mfb`; without it only the matte is known.
        external: folder with the results of another program, for `external`.
    """

    sfb: SfbRecipe = field(default_factory=SfbRecipe)
    mfb: MfbRecipe = field(default_factory=MfbRecipe)
    masks: str | None = None
    external: str | None = None

    def __post_init__(self) -> None:
        check_settings(self, "baselines")

    def inputs(self, methods: Sequence[str]) -> list[Path]:
        """Folders whose files decide about the results of some methods."""
        reads = {"sfb": self.masks, "mfb": self.masks, "external": self.external}
        return [Path(root) for root in {reads.get(method) for method in methods} if root]
