import numpy as np
import pytest

from datamodules.synthetic.world.scenes import indoor_world, outdoor_world
from datamodules.synthetic.world.solids import Ground


@pytest.mark.parametrize("draw", [indoor_world, outdoor_world])
def test_nothing_stands_between_camera_and_person(draw):
    centre, forward = np.array([0.0, 1.4, 0.0], np.float32), np.array([0.3, -0.1, 0.95])
    reach = 4.0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        world = draw(centre, forward, reach, rng)
        # The person's column: rays within 0.5 m of the axis at its distance, above the ground.
        sideways = rng.uniform(-0.12, 0.12, 200)
        angle = np.arctan2(0.3, 0.95) + sideways
        rays = np.stack([np.sin(angle), rng.uniform(-0.2, 0.1, 200), np.cos(angle)])
        rays = (rays / np.linalg.norm(rays, axis=0)).astype(np.float32)
        for solid in world.solids:
            if not isinstance(solid, Ground):
                assert solid.intersect(centre, rays).min() > reach + 0.3
