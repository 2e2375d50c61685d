"""Small photos that have one ingredient each."""

from collections.abc import Callable

import pytest
import torch
from synthetic_wild import only, planned

from datamodules.synthetic.scene import default_body
from datamodules.synthetic.wild.draw import WildScene, draw_wild_scene

Draw = Callable[..., WildScene]


@pytest.fixture(scope="session")
def draw() -> Draw:
    """Draws a photo with some ingredients; each is drawn once for all tests."""
    drawn: dict[object, WildScene] = {}
    body = default_body()

    def scene(*names: str, strength: float = 1.0, seed: int = 1) -> WildScene:
        key = (names, strength, seed)
        if key not in drawn:
            torch.set_num_threads(1)
            world = only(*names, strength=strength)
            drawn[key] = draw_wild_scene(planned(world, seed, body), world)
        return drawn[key]

    return scene
