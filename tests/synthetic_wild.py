"""Small photos with some ingredients of the world."""

from datamodules.synthetic.scene import ScenePlan
from datamodules.synthetic.shot import SyntheticSettings
from datamodules.synthetic.wild.plan import plan_wild_scene
from datamodules.synthetic.wild.settings import Ingredient, WorldSettings
from hfb.body import SmplBody

SMALL = SyntheticSettings(
    height=96, width=80, num_truth=6, blur_rate=(0.1, 0.5), max_attempts=1, supersampling=1
)


def only(*names: str, strength: float = 1.0) -> WorldSettings:
    """These ingredients in every photo, and no others."""
    chances = dict.fromkeys(WorldSettings.names(), Ingredient(0.0))
    return WorldSettings(**{**chances, **dict.fromkeys(names, Ingredient(1.0, strength))})


def planned(world: WorldSettings, seed: int, body: SmplBody) -> ScenePlan:
    return plan_wild_scene(SMALL, world, seed, body, None)
