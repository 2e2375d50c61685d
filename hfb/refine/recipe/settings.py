"""Every choice of the refinement as typed, frozen dataclasses; YAML fills them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from hfb.errors import InputError
from hfb.ranges import NUM_STEPS, SEED, SHARE, SIZE_PX, WEIGHT, Range, check_settings
from hfb.refine.objective.terms import check_names, import_plugins, known_terms
from hfb.refine.recipe.stages import (
    PARAMETER_GROUPS,
    SHARED_GROUPS,
    LearningRates,
    Stage,
    default_stages,
)

__all__ = [
    "PARAMETER_GROUPS",
    "SHARED_GROUPS",
    "LearningRates",
    "RefineSettings",
    "Stage",
]

_RANGES: dict[str, Range] = {
    "weights": WEIGHT,
    "final_lr_fraction": SHARE,
    # More sub-frames than the fastest limb crosses pixels of the crop change nothing.
    "num_subframes": (1, 256),
    # Higher powers of time differ less than one pixel of motion, and float32 cannot fit them.
    "degree": (1, 10),
    "time_origin": SHARE,
    "image_size": SIZE_PX,
    "crop_margin": (0.0, 10.0),
    "texture_size": SIZE_PX,
    "coefficient_l1": WEIGHT,
    "texel_steps": (1, 2),
    "background_epsilon": (1e-9, 1e3),
    "adversarial_every": (1, 1_000_000),
    "anchor_sigma": (0.0, 100.0),
    "explained_error": (1e-9, 1e3),
    "held_power": (0.0, 4.0),
    "start_noise": (0.0, 10.0),
    "num_starts": (1, 64),
    "ranking_steps": NUM_STEPS,
    "seed": SEED,
    "expected_motion": (0.0, 100.0),
    "gap_fraction": SHARE,
    "window": (1, 256),
    "overlap": (0, 255),
}


@dataclass(frozen=True)
class RefineSettings:
    """How one batch of blurry images is refined.

    Attributes:
        weights: weight of each term of eq. 11 by its name: one value, or one a stage. 0 leaves the
            term out; a term that is not named has the weight it was registered with.
        plugins: modules to import first, which register terms or rendering backends of your own.
        stages: the optimisation, stretch by stretch; the steps add up to the paper's 200.
        lr: step size of each group of parameters.
        final_lr_fraction: the cosine schedule ends at this share of the learning rate; 1 keeps it
            constant, as in the paper.
        num_subframes: N of eq. 2.
        subframes: where in the exposure they lie: "middles" of N equal parts, or from one of its
            "ends" to the other, the first at 0 as the paper numbers them.
        degree: degree of the polynomials in time.
        parameterization: "tangent" (rotation vectors about the starting pose) or "paper"
            (direction and distance, axis and angle).
        time_origin: time in [0, 1] at which the constant coefficient holds; the paper's is 0.
        image_size: side of the square crop the fit works on, px.
        crop_margin: space around the person, as a share of the crop.
        texture_size: side of the texture, texels.
        formation: "linear" averages in linear light; "srgb" averages encoded values (the paper).
        matting_kind: "iou" is eq. 4; "l1" and "l2" compare pixel by pixel.
        normalize_by_area: divide image and matte losses by the person's share of the crop, so that
            a small person weighs as much as a large one.
        coefficient_l1: factor of the L1 part of eq. 8; the paper's is 1.
        coefficient_l1_reduction: "sum" is the paper's; "mean" does not grow with the degree.
        texel_steps: eq. 5: 1 takes texels of faces that touch for neighbours (the paper), 2 also
            those with one face between them.
        clamp_cosines: eq. 5: count folds of more than 90 degrees as 0; the paper's cosine rewards
            differences there.
        pose_subframes: eq. 6: "middle" scores the middle sub-frame, "all" every one (the paper).
        background_kind: eq. 9: "silhouettes" compares pixel by pixel where the person is, "image"
            is one number a sub-frame, as the paper writes it.
        background_epsilon: ε of eq. 9, sRGB units; the paper's is 1e-6.
        adversarial_every: eq. 10: steps between two evaluations of the motion prior, linear in
            between; 1 evaluates at each.
        anchor_sigma: uncertainty of a starting joint, rad, that the pose anchor holds with its
            weight; surer ones are held more firmly, others are freer. Starting poses that come
            without uncertainties have all joints held alike; 0 does so with all.
        hold_unexplained: fit photos that the body does not explain once more, held to their
            starting poses by `pose_anchor`, `landmarks` and `motion`.
        explained_error: mean squared error, sRGB, up to which a photo counts as explained: what
            clean photos of bare bodies are left with.
        held_power: power of the error over `explained_error` by which those terms weigh more then.
        start_noise: standard deviation of the first-order coefficients at the start. A body at
            rest about mid-exposure has no gradient in the odd coefficients, by symmetry.
        num_starts: starting poses tried for each sample; "auto": of single photos those that the
            initialiser holds likely, which is one where it is sure, or does not say.
        ranking_steps: steps each of several starts gets before the best one is refined.
        seed: of the start noise.
        start_motion: of consecutive photos: "neighbours" starts from the velocities between their
            starting poses ("tangent" only), "noise" from none.
        expected_motion: single photos start from this many times the velocities that the motion
            prior expects of their starting poses ("tangent" only); 0: from noise alone.
        gap: "given" takes the shut time between consecutive photos from their exposures;
            "estimated" takes their openings only and finds how long the shutter stayed open by
            fits of their own; "auto" does so where a sample does not know how long.
        gap_fraction: share of this gap by which the earlier motion is extended to where the two
            meet; the paper's is 1, 0.5 extends both alike.
        window: photos refined together; longer clips are cut into overlapping windows.
        overlap: photos that a window has in common with the one before, which are fitted again.
    """

    weights: dict[str, float | list[float]] = field(default_factory=dict)
    plugins: list[str] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=default_stages)
    lr: LearningRates = field(default_factory=LearningRates)
    final_lr_fraction: float = 0.1
    num_subframes: int = 8
    subframes: Literal["middles", "ends"] = "middles"
    degree: int = 2
    parameterization: Literal["tangent", "paper"] = "tangent"
    time_origin: float = 0.5
    image_size: int = 256
    crop_margin: float = 0.12
    texture_size: int = 128
    formation: Literal["linear", "srgb"] = "linear"
    matting_kind: Literal["iou", "l1", "l2"] = "l1"
    normalize_by_area: bool = True
    coefficient_l1: float = 10.0
    coefficient_l1_reduction: Literal["sum", "mean"] = "mean"
    texel_steps: int = 2
    clamp_cosines: bool = True
    pose_subframes: Literal["middle", "all"] = "middle"
    background_kind: Literal["silhouettes", "image"] = "silhouettes"
    background_epsilon: float = 0.1
    adversarial_every: int = 24
    anchor_sigma: float = 0.3
    hold_unexplained: bool = True
    explained_error: float = 1.2e-3
    held_power: float = 1.5
    start_noise: float = 0.03
    num_starts: int | Literal["auto"] = "auto"
    ranking_steps: int = 50
    seed: int = 0
    start_motion: Literal["neighbours", "noise"] = "neighbours"
    expected_motion: float = 1.0
    gap: Literal["auto", "given", "estimated"] = "auto"
    gap_fraction: float = 0.5
    window: int = 8
    overlap: int = 2

    def __post_init__(self) -> None:
        check_settings(self, "refine", _RANGES)
        if not self.stages:
            raise InputError("refine.stages is empty: give at least one stage")
        if not 0 <= self.overlap < self.window:
            raise InputError(
                f"refine.overlap {self.overlap} must be in [0, {self.window}), below refine.window"
            )
        import_plugins(self.plugins)
        self._check_weights()

    def _check_weights(self) -> None:
        check_names(self.weights, "refine.weights")
        wrong = [
            f"{name} has {len(value)}"
            for name, value in self._all_weights.items()
            if isinstance(value, Sequence) and len(value) != len(self.stages)
        ]
        if wrong:
            raise InputError(
                f"refine.weights: {', '.join(wrong)} values, but refine.stages has "
                f"{len(self.stages)}: give each of them one value, or as many as there are stages"
            )

    @property
    def _all_weights(self) -> dict[str, float | Sequence[float]]:
        """Those of the settings, and the registered ones of terms that they do not name."""
        return {name: self.weights.get(name, term.weight) for name, term in known_terms().items()}

    def weights_of(self, stage: int) -> dict[str, float]:
        """Weight of every term in a stage.

        Args:
            stage: its number, from 0.
        """
        return {
            name: float(value[stage] if isinstance(value, Sequence) else value)
            for name, value in self._all_weights.items()
        }

    def uses_term(self, name: str) -> bool:
        """Whether a term has a positive weight in any stage."""
        return any(self.weights_of(stage)[name] > 0.0 for stage in range(len(self.stages)))

    def with_weights(self, **weights: float | list[float]) -> RefineSettings:
        """The same recipe with some other weights."""
        return replace(self, weights={**self.weights, **weights})

    def with_only(self, **weights: float | list[float]) -> RefineSettings:
        """The same recipe with these terms and no others."""
        return self.with_weights(**{**dict.fromkeys(known_terms(), 0.0), **weights})

    def with_stages(self, chosen: slice) -> RefineSettings:
        """The recipe that consists of some stages of this one, each with its own weights."""
        parts = range(len(self.stages))[chosen]
        each = [self.weights_of(part) for part in parts]
        weights: dict[str, float | list[float]] = {
            name: [own[name] for own in each] for name in known_terms()
        }
        return replace(self, stages=self.stages[chosen], weights=weights)

    def stage_index(self, step: int) -> int:
        """Number of the stage that a step belongs to, both from 0; the last one's for later steps.

        Args:
            step: number of steps done before it.
        """
        for index, (end, _) in enumerate(self._ends):
            if step < end:
                return index
        return len(self.stages) - 1

    @property
    def needs_motion_prior(self) -> bool:
        """Whether anything in the recipe asks the motion prior."""
        expects = self.expected_motion != 0.0 and self.parameterization == "tangent"
        return expects or self.uses_term("adversarial")

    def finds_gap(self, is_timed: bool) -> bool:
        """Whether the gap of consecutive photos has to be found before they are refined.

        Args:
            is_timed: whether their exposures are known from opening to closing.
        """
        return self.gap == "estimated" or (self.gap == "auto" and not is_timed)

    @property
    def num_steps(self) -> int:
        """Adam steps of the whole optimisation."""
        return sum(stage.num_steps for stage in self.stages)

    @property
    def matte_refresh_steps(self) -> tuple[int, ...]:
        """Numbers of steps done after which the matte is estimated again."""
        return tuple(end for end, stage in self._ends if stage.refresh_matte)

    @property
    def direction_steps(self) -> tuple[int, ...]:
        """Numbers of steps done after which directions of time are chosen."""
        return tuple(end for end, stage in self._ends if stage.choose_directions)

    @property
    def _ends(self) -> list[tuple[int, Stage]]:
        ends = itertools.accumulate(stage.num_steps for stage in self.stages)
        return list(zip(ends, self.stages, strict=True))
