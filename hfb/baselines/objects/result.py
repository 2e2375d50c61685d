"""What Shape from Blur or Motion from Blur found for a sample, and its silhouettes and images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hfb.baselines.objects.fit import OnStep, Snapshot, fit_object
from hfb.baselines.objects.problem import ObjectProblem
from hfb.baselines.objects.settings import MfbRecipe, ObjectRecipe
from hfb.matte import paste_crop
from hfb.render import RenderSettings
from hfb.structures import Layers


@dataclass(frozen=True)
class ObjectEstimate:
    """A moving object without joints.

    Attributes:
        problem: the photos it was fitted to.
        parts: one object a photo (Shape from Blur), or one for all (Motion from Blur).
        num_subframes: n of each photo.
    """

    problem: ObjectProblem
    parts: tuple[Snapshot, ...]
    num_subframes: int

    @torch.no_grad()
    def layers(self, frame: int, t: Float[Tensor, " N"]) -> Layers:
        """Appearance and silhouettes in the crop at times in [0, 1] of one photo's exposure."""
        if len(self.parts) > 1 or len(self.problem.image) == 1:
            part, times, row = self.parts[frame], t[None], 0
        else:
            part, times, row = self.parts[0], t.expand(len(self.problem.image), len(t)), frame
        layers = part.model.layers(times.float(), part.erosion)
        return Layers(layers.rgb[0, row], layers.alpha[0, row])

    def silhouettes(
        self, frame: int, t: Float[Tensor, " N"], height: int, width: int
    ) -> Bool[Tensor, "N H W"]:
        """Silhouettes in the whole photo: where the rendered one is above one half."""
        alpha = self.layers(frame, t).alpha[:, 0]
        return paste_crop(alpha, self.problem.box, height, width) > 0.5

    def exposure(
        self, frame: int, t: Float[Tensor, " N"], height: int, width: int
    ) -> Float[Tensor, "4 H W"]:
        """Mean of silhouette times appearance, and mean silhouette, in the whole photo."""
        layers = self.layers(frame, t)
        both = torch.cat([layers.rgb * layers.alpha, layers.alpha], 1).mean(0)
        return paste_crop(both, self.problem.box, height, width)


def estimate_object(
    problem: ObjectProblem,
    recipe: ObjectRecipe,
    render_settings: RenderSettings,
    on_step: OnStep | None = None,
) -> ObjectEstimate:
    """Run either method on a sample.

    Args:
        problem: all photos of the sample.
        recipe: `SfbRecipe` explains each photo by an object of its own, `MfbRecipe` all by one.
        render_settings: backend and threads.
        on_step: called with the number of steps done in a run of fits.
    """
    if isinstance(recipe, MfbRecipe):
        problems = [problem]
    else:
        problems = [problem.frame(k) for k in range(len(problem.image))]
    parts = [fit_object(one, recipe, render_settings, on_step) for one in problems]
    return ObjectEstimate(problem, tuple(parts), recipe.num_subframes)
