"""Training images."""

from dataclasses import replace

import numpy as np
import pytest

from datamodules.lifting import scene as lifting_scene
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


@pytest.mark.parametrize(("share", "drawn"), [(0.0, "draw_dress"), (1.0, "draw_paint")])
def test_the_share_of_clean_photos_says_how_many_are_dressed_and_throw_shadows(
    maker, monkeypatch, share, drawn
):
    called = []

    def watch(name):
        original = getattr(lifting_scene, name)

        def watched(*args):
            called.append(name)
            return original(*args)

        monkeypatch.setattr(lifting_scene, name, watched)

    for name in ("draw_dress", "draw_paint", "shadow_left"):
        watch(name)
    studio = replace(maker.studio, clean_share=share)
    list(draw_scenes(replace(maker, studio=studio), 5, 2))
    assert called.count(drawn) == 2
    assert called.count("draw_dress") == called.count("shadow_left")
    assert len(called) == (4 if share == 0.0 else 2)
