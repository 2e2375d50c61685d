"""How long a clip will take, said before it begins."""

from __future__ import annotations

from dataclasses import dataclass

from hfb.cli.display import duration
from hfb.processors import count_processors
from hfb.refine.recipe.settings import RefineSettings
from hfb.refine.sequence.shutter_gap import gap_recipes
from hfb.structures import BlurSample, ClipPart

# Measured on two cores of a server of 2023 with the default settings; corrected by the first steps.
_CORE_SECONDS_A_STEP = 0.06
_REFERENCE_PIXELS, _REFERENCE_SUBFRAMES = 256**2, 8
_SECONDS_A_START = 3.0
_MOST_CORES = 8
"""More hardly help: a photo has eight sub-frames."""


@dataclass(frozen=True)
class ClipEstimate:
    """The work that a clip is.

    Attributes:
        num_photos: of the clip.
        photo_steps: steps of all fits, each times the photos in it.
        step_seconds: that a step takes for one photo, guessed.
    """

    num_photos: int
    photo_steps: int
    step_seconds: float

    @classmethod
    def of(cls, settings: RefineSettings, first: BlurSample) -> ClipEstimate:
        """Count the work.

        Args:
            settings: the recipe.
            first: photo of the clip; says how many there are.
        """
        assert isinstance(first.part, ClipPart), "a photo of a clip says which one it is"
        count, window = first.part.total, settings.window
        step = window - settings.overlap
        num_windows = 1 + max(0, -(-(count - window) // step))
        fitted = count + settings.overlap * (num_windows - 1)
        steps = fitted * settings.num_steps
        if settings.finds_gap(first.exposure_is_known):
            steps += min(count, window) * sum(r.num_steps for r in gap_recipes(settings))
        size = settings.image_size**2 / _REFERENCE_PIXELS
        work = size * settings.num_subframes / _REFERENCE_SUBFRAMES
        cores = min(count_processors(), _MOST_CORES)
        return cls(count, steps, _CORE_SECONDS_A_STEP * work / cores)

    def seconds(self, step_seconds: float) -> float:
        """Of the whole clip, if a step for one photo takes so long."""
        return self.photo_steps * step_seconds + self.num_photos * _SECONDS_A_START

    def first_line(self, name: str) -> str:
        """What is said before the work begins."""
        cores = count_processors()
        return (
            f"{name}: {self.num_photos} photos, about {duration(self.seconds(self.step_seconds))} "
            f"on {cores} core{'s' if cores > 1 else ''} (first estimate; --data.clip.part "
            "START:STOP takes fewer)"
        )

    def corrected_line(self, step_seconds: float) -> str:
        """What is said when the first steps have been taken.

        Args:
            step_seconds: a step took for one photo.
        """
        return f"about {duration(self.seconds(step_seconds))} in all, by the first steps"
