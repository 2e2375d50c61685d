"""How the learning rates run over the stages of a refinement."""

from __future__ import annotations

import math
from collections.abc import Callable

from hfb.refine.recipe.settings import RefineSettings


def schedule(settings: RefineSettings, group: str) -> Callable[[int], float]:
    """Learning-rate factor of a parameter group as a function of the step."""

    def factor(step: int) -> float:
        progress = min(step / max(settings.num_steps, 1), 1.0)
        low = settings.final_lr_fraction
        cosine = low + (1.0 - low) * 0.5 * (1.0 + math.cos(math.pi * progress))
        stage = settings.stages[settings.stage_index(step)]
        return 0.0 if group in stage.frozen else cosine * stage.lr_scale

    return factor
