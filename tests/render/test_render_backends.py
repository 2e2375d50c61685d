"""The table of rendering backends: one more from outside, the automatic choice, refusals."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from render_scenes import tilted_square

from hfb.errors import InputError
from hfb.render import (
    RenderSettings,
    hard_silhouettes,
    register_backend,
    render,
    render_exposure,
    unregister_backend,
)
from hfb.render.registry import choose_backend
from hfb.render.scene import Scene, build_scene
from hfb.render.settings import BACKENDS


class Fog:
    """A backend: half of everything, everywhere."""

    def check(self, scene: Scene, settings: RenderSettings) -> None:
        if settings.mode == "dibr":
            raise InputError("fog has no DIB-R mask")

    def render_layers(self, scene: Scene, settings: RenderSettings):
        half = scene.verts.new_full((*scene.verts.shape[:2], 4, scene.height, scene.width), 0.5)
        return half[:, :, :3], half[:, :, 3:], half.new_ones(1, 2) > 0

    def render_exposure(self, scene: Scene, settings: RenderSettings):
        rgb, alpha, seen = self.render_layers(scene, settings)
        return (rgb * alpha).mean(1), alpha.mean(1), seen

    def hard_silhouettes(self, scene: Scene, settings: RenderSettings):
        return self.render_layers(scene, settings)[1][:, :, 0] > 0


@pytest.fixture
def fog() -> Iterator[RenderSettings]:
    register_backend("fog", Fog)
    yield RenderSettings(backend="fog")
    unregister_backend("fog")


def test_a_backend_from_outside_draws(fog: RenderSettings) -> None:
    mesh, camera = tilted_square()
    exposure = render_exposure(mesh, camera, fog)
    assert exposure.rgb.unique().tolist() == [0.25]
    assert exposure.alpha.shape == (1, camera.height, camera.width)
    assert render(mesh, camera, fog).alpha.unique().tolist() == [0.5]
    assert hard_silhouettes(mesh.verts, mesh.faces, camera, fog).all()


def test_a_backend_says_what_it_cannot_draw(fog: RenderSettings) -> None:
    mesh, camera = tilted_square()
    for draw in (render, render_exposure):
        with pytest.raises(InputError, match="fog has no DIB-R mask"):
            draw(mesh, camera, replace(fog, mode="dibr"))


def test_a_rim_that_a_backend_does_not_draw_is_refused(fog: RenderSettings) -> None:
    mesh, camera = tilted_square()

    class Mist(Fog):
        def check(self, scene: Scene, settings: RenderSettings) -> None:
            pass

    class Rimmed(Mist):
        RIMS = ("nearest",)

    for name, backend in (("mist", Mist), ("rimmed", Rimmed)):
        register_backend(name, backend)
    try:
        dibr = RenderSettings("dibr", "mist")
        for draw in (render, render_exposure):
            with pytest.raises(InputError, match="rim is 'nearest', which the 'mist' backend does"):
                draw(mesh, camera, dibr)
        render(mesh, camera, replace(dibr, rim="black"))
        render(mesh, camera, RenderSettings(backend="mist"))
        render(mesh, camera, replace(dibr, backend="rimmed"))
    finally:
        for name in ("mist", "rimmed"):
            unregister_backend(name)


def test_names_are_told_and_taken_once(fog: RenderSettings) -> None:
    with pytest.raises(InputError, match="one of auto, torch, numba, warp, kaolin, fog"):
        RenderSettings(backend="mist")
    for name in ("fog", "torch", "auto"):
        with pytest.raises(InputError, match=f"a rendering backend '{name}' already"):
            register_backend(name, Fog)
    unregister_backend("fog")
    assert "fog" not in BACKENDS
    register_backend("fog", Fog)


@pytest.mark.parametrize(
    ("device", "dtype", "name"),
    [
        ("cpu", torch.float32, "numba"),
        ("cpu", torch.float64, "torch"),
        ("meta", torch.float32, "torch"),
    ],
)
def test_the_automatic_choice_follows_device_and_dtype(
    device: str, dtype: torch.dtype, name: str
) -> None:
    mesh, camera = tilted_square()
    verts, texture = mesh.verts.to(device, dtype), mesh.texture.to(device, dtype)
    mesh = replace(mesh, verts=verts, texture=texture)
    scene, _ = build_scene(mesh, camera)
    chosen = choose_backend(scene, RenderSettings())
    assert chosen is choose_backend(scene, RenderSettings(backend=name))


def test_numba_refuses_silhouettes_off_the_cpu() -> None:
    mesh, camera = tilted_square()
    with pytest.raises(InputError, match=r"renders on the CPU, but mesh\.verts is on meta"):
        hard_silhouettes(mesh.verts.to("meta"), mesh.faces, camera, RenderSettings(backend="numba"))


def test_kaolin_settings_serve_for_silhouettes_everywhere() -> None:
    mesh, camera = tilted_square()
    wanted = hard_silhouettes(mesh.verts, mesh.faces, camera, RenderSettings(backend="torch"))
    got = hard_silhouettes(mesh.verts, mesh.faces, camera, RenderSettings("dibr", "kaolin"))
    assert wanted.any()
    assert torch.equal(got, wanted)
