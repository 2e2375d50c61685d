"""The stretches of an optimisation, and its step sizes."""

from __future__ import annotations

from dataclasses import dataclass, field

from hfb.errors import InputError
from hfb.ranges import NUM_STEPS, STEP_SIZE, check_settings

PARAMETER_GROUPS = ("transl", "root", "pose", "motion", "betas", "texture")
SHARED_GROUPS = ("betas", "texture")
"""Groups that the photos of a sequence have in common."""


@dataclass(frozen=True)
class LearningRates:
    """Adam's step size of each group of parameters (the paper: 0.01 for all).

    Attributes:
        transl: translation at the time origin, m.
        root: global rotation at the time origin, rad.
        pose: joint rotations at the time origin, rad.
        motion: all coefficients above the constant one, rad or m per exposure.
        betas: shape coefficients.
        texture: texels, sRGB in [0, 1].
    """

    transl: float = 0.01
    root: float = 0.01
    pose: float = 0.01
    motion: float = 0.01
    betas: float = 0.01
    texture: float = 0.03

    def __post_init__(self) -> None:
        check_settings(self, "refine.lr", dict.fromkeys(PARAMETER_GROUPS, STEP_SIZE))


@dataclass(frozen=True)
class Stage:
    """A stretch of the optimisation; `RefineSettings.weights` has its weights.

    Attributes:
        num_steps: Adam steps.
        lr_scale: factor on all learning rates.
        frozen: parameter groups that stand still in this stage.
        refresh_matte: at the end of the stage, estimate the matte again with the body as prior; a
            matte that came with the photo stays as it is.
        choose_directions: at the end of the stage, choose for each of several consecutive photos
            the motion or its time-reversed twin, jointly, so that they meet as smoothly as can be.
        scale: share of the image's side and of the sub-frames that the stage works with; 1 is all,
            as in the paper. Images are not made smaller than 96 px.
    """

    num_steps: int
    lr_scale: float = 1.0
    frozen: list[str] = field(default_factory=list)
    refresh_matte: bool = False
    choose_directions: bool = False
    scale: float = 1.0

    def __post_init__(self) -> None:
        ranges = {"num_steps": NUM_STEPS, "lr_scale": (0.0, 1000.0), "scale": (0.01, 1.0)}
        check_settings(self, "stage", ranges)
        unknown = set(self.frozen) - set(PARAMETER_GROUPS)
        if unknown:
            raise InputError(
                f"stage.frozen: no parameter group {sorted(unknown)}; there are {PARAMETER_GROUPS}"
            )


def default_stages() -> list[Stage]:
    """The matte places the limbs while the texture is grey; then the photo decides.

    The matte is found once more when the body is about right, and again when it is better. Until
    then half the size is enough: on 24 clean and 20 dressed photos the errors were the same
    (docs/lab/performance.md).
    The directions of time of consecutive photos are chosen when their motions have taken shape.
    """
    return [
        Stage(60, refresh_matte=True, choose_directions=True, scale=0.5),
        Stage(70, refresh_matte=True, scale=0.5),
        Stage(70),
    ]
