"""The texture tool on a small case."""

import numpy as np
import pytest

from hfb.body import load_texture


@pytest.fixture(autouse=True)
def _tools_on_path(repo, monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(repo / "tools"))


@pytest.fixture
def surface(repo):
    from clothing.surface import bake_surface

    return bake_surface(repo / "checkpoints" / "free_body.npz", 256)


def test_small_textures_look_like_the_shipped_ones(tmp_path, repo, surface) -> None:
    from make_textures import main

    main(["--out", str(tmp_path), "--size", "256", "--only", "striped_tee_jeans"])
    small = load_texture(tmp_path / "striped_tee_jeans.png")
    assert small.shape == (3, 256, 256)
    shipped = load_texture(repo / "checkpoints" / "textures" / "striped_tee_jeans.png")
    shipped = shipped.unflatten(1, (256, 2)).unflatten(3, (256, 2)).mean((2, 4))
    assert (small - shipped)[:, surface.covered].abs().mean() < 0.01


def test_maps_hold_the_body(surface, free_mesh) -> None:
    verts, _ = free_mesh
    inside = surface.covered
    assert 0.4 < inside.mean() < 0.9
    assert (surface.position[inside].min(0) >= verts.min(0)).all()
    assert (surface.position[inside].max(0) <= verts.max(0)).all()
    np.testing.assert_allclose(surface.weights[inside].sum(-1), 1, atol=1e-5)
    lengths = np.linalg.norm(surface.normal[inside], axis=-1)
    assert 0.8 < np.median(lengths) <= 1 + 1e-9
    nose = np.linalg.norm(surface.position - surface.landmarks["nose"], axis=-1)
    nose[~inside] = np.inf
    row, column = np.unravel_index(nose.argmin(), nose.shape)
    assert surface.normal[row, column, 2] > 0.5  # the nose points ahead


@pytest.fixture
def free_mesh(repo):
    with np.load(repo / "checkpoints" / "free_body.npz", allow_pickle=False) as archive:
        return archive["v_template"], archive["f"]


def test_every_pattern_and_length_paints_within_range(surface) -> None:
    from clothing.outfit import Outfit, paint_outfit
    from clothing.patterns import SHIRT_PATTERNS, TROUSER_PATTERNS

    base = {"seed": 3, "skin": "cc9977", "hair": "221100", "shoe": "777777"}
    images = []
    for shirt in SHIRT_PATTERNS:
        images.append(
            paint_outfit(
                surface,
                Outfit(**base, shirt="aa2222", trousers="2222aa", shirt_pattern=shirt),
            )
        )
    for trousers in TROUSER_PATTERNS:
        outfit = Outfit(
            **base,
            shirt="ffffff",
            trousers="00aa00",
            trousers_pattern=trousers,
            trousers_length="knee",
            sleeve="none",
        )
        images.append(paint_outfit(surface, outfit))
    for i, image in enumerate(images):
        assert image.min() >= 0
        assert image.max() <= 1
        assert (image[~surface.covered] == 0).all()
        assert all(np.abs(image - other).max() > 0.05 for other in images[:i])


def test_gutters_continue_the_charts_and_leave_them_alone() -> None:
    from make_textures import fill_gutters

    image = np.zeros((40, 40, 3))
    covered = np.zeros((40, 40), bool)
    covered[:, :10] = True
    image[covered] = (1.0, 0.5, 0.25)
    image[5, 5] = (0, 0, 0)
    filled = fill_gutters(image, covered)
    np.testing.assert_array_equal(filled[covered], image[covered].astype(np.float32))
    np.testing.assert_allclose(filled[:, 10:22], np.broadcast_to((1, 0.5, 0.25), (40, 12, 3)))
    np.testing.assert_allclose(filled[0, 30], image[covered].mean(0), atol=1e-6)


def test_noise_repeats_with_its_seed_and_fills_the_range() -> None:
    from clothing.patterns import noise

    points = np.random.default_rng(0).normal(size=(50, 50, 3))
    values = noise(points, 0.05, seed=7)
    np.testing.assert_array_equal(values, noise(points, 0.05, seed=7))
    assert np.abs(values - noise(points, 0.05, seed=8)).mean() > 0.05
    assert values.min() >= 0
    assert values.max() <= 1
    assert abs(values.mean() - 0.5) < 0.03
