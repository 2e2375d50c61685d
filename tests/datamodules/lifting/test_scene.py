"""Training images."""

import numpy as np

from datamodules.lifting.scene import IMAGE_SIZE
from datamodules.lifting.shards import draw_scenes
from hfb.geometry import project


def test_people_are_seen_whole_and_images_are_repeatable(maker):
    first, again = (list(draw_scenes(maker, 5, 2)) for _ in range(2))
    for (scene, _), (same, _) in zip(first, again, strict=True):
        np.testing.assert_array_equal(scene.image, same.image)
        xy = project(scene.joints, scene.camera)
        assert xy.min() > 0
        assert xy.max() < IMAGE_SIZE
        # The person differs from the place, and only near the body.
        differs = np.abs(scene.image.astype(int) - scene.background.astype(int)).max(-1) > 60
        rows, columns = np.nonzero(differs)
        assert differs.mean() > 0.002
        assert np.median(rows) > float(xy[..., 1].min()) - 20
        assert np.median(columns) < float(xy[..., 0].max()) + 20
        assert scene.blur_rate >= 0
