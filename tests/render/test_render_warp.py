"""The warp backend on its CPU device: the source that runs on CUDA, against numba."""

import importlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from render_scenes import COLLAPSED, SITUATIONS, cast, random_loss, random_scene, relative_error
from test_render_bodies import posed_scene

from hfb.errors import InputError
from hfb.render import RenderSettings, hard_silhouettes, render, render_exposure
from hfb.render.settings import Mode
from hfb.structures import Camera, Mesh

warp = pytest.importorskip("warp", reason="needs warp-lang")


def compare(
    mesh: Mesh,
    camera: Camera,
    settings: RenderSettings,
    seed: int,
    layers: bool = False,
    merged: bool = False,
) -> None:
    """Values within 1e-5, gradients within 1e-4, and the same faces seen."""
    results, grads = [], []
    for backend in ("numba", "warp"):
        own = cast(mesh, torch.float32)
        draw = render if layers else render_exposure
        result = draw(own, camera, replace(settings, backend=backend))
        random_loss(result, seed).backward()
        assert own.verts.grad is not None
        verts_grad = own.verts.grad
        if merged:  # of vertices that lie on each other, which is pulled is a matter of rounding
            groups = [verts_grad[..., part, :].sum(-2, keepdim=True) for part in COLLAPSED]
            verts_grad = torch.cat(
                [verts_grad[..., 72:93, :], verts_grad[..., 103:, :], *groups], -2
            )
        results.append(result)
        grads.append((verts_grad, own.texture.grad))
    assert (results[0].rgb - results[1].rgb).abs().max() <= 1e-5
    assert (results[0].alpha - results[1].alpha).abs().max() <= 1e-5
    assert torch.equal(results[0].visible_faces, results[1].visible_faces)
    for own_grad, other in zip(*grads, strict=True):
        assert relative_error(other, own_grad) <= 1e-4


@pytest.mark.parametrize("seed", range(30))
def test_equals_numba_on_posed_bodies(mode: Mode, seed: int) -> None:
    mesh, camera = posed_scene(seed)
    compare(mesh, camera, RenderSettings(mode), seed, layers=seed % 5 == 0)


@pytest.mark.parametrize("situation", [s for s in SITUATIONS if s != "body"])
def test_equals_numba_in_every_situation(mode: Mode, situation: str) -> None:
    for seed in range(3):
        mesh, camera = random_scene(seed, situation)
        settings = RenderSettings(mode, sigmainv=3000.0, boxlen=0.07, knum=500)
        compare(mesh, camera, settings, seed, merged=situation == "degenerate")


@pytest.mark.parametrize("option", ["perspective_correct", "depth_gradient"])
def test_equals_numba_with_options_off(mode: Mode, option: str) -> None:
    mesh, camera = random_scene(11)
    compare(mesh, camera, replace(RenderSettings(mode), **{option: False}), 0)


@pytest.mark.parametrize(("boxlen", "knum"), [(0.02, 7), (0.12, 100), (0.3, 33)])
def test_equals_numba_with_few_and_many_faces_a_pixel(boxlen: float, knum: int) -> None:
    mesh, camera = posed_scene(1, size=64)
    compare(mesh, camera, RenderSettings("dibr", sigmainv=400.0, boxlen=boxlen, knum=knum), 1)


def test_a_batch_is_its_samples(mode: Mode) -> None:
    """Samples with textures and cameras of their own, at once and one by one."""
    scenes = [posed_scene(seed, size=48) for seed in (3, 4)]
    settings = RenderSettings(mode, "warp")
    mesh = replace(
        scenes[0][0],
        verts=torch.stack([mesh.verts for mesh, _ in scenes]),
        texture=torch.stack([mesh.texture for mesh, _ in scenes]),
    )
    focal = torch.stack([scenes[0][1].focal, 0.9 * scenes[1][1].focal])
    camera = replace(scenes[0][1], focal=focal, principal_point=torch.full((2, 2), 24.0))
    together = render_exposure(mesh, camera, settings)
    for k in range(2):
        one = replace(mesh, verts=mesh.verts[k], texture=mesh.texture[k])
        own = replace(camera, focal=focal[k], principal_point=torch.full((2,), 24.0))
        alone = render_exposure(one, own, settings)
        assert torch.equal(together.rgb[k], alone.rgb)
        assert torch.equal(together.alpha[k], alone.alpha)


def test_hard_silhouettes_are_numbas() -> None:
    mesh, camera = posed_scene(5)
    one, other = (
        hard_silhouettes(mesh.verts, mesh.faces, camera, RenderSettings(backend=backend))
        for backend in ("numba", "warp")
    )
    assert one.any()
    assert torch.equal(one, other)


def test_no_samples_give_no_images(mode: Mode) -> None:
    mesh, camera = random_scene(1)
    empty = replace(mesh, verts=mesh.verts[:0], texture=mesh.texture[:0])
    result = render_exposure(empty, camera, RenderSettings(mode, "warp"))
    assert result.rgb.shape == (0, 3, camera.height, camera.width)
    assert result.visible_faces.shape == (0, len(mesh.faces))


def test_devices_that_warp_does_not_know_are_refused() -> None:
    mesh, camera = random_scene(1)
    meta = replace(mesh, verts=mesh.verts.to("meta"), texture=mesh.texture.to("meta"))
    with pytest.raises(InputError, match=r"'warp', which renders on the CPU and on CUDA"):
        render_exposure(meta, camera, RenderSettings(backend="warp"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("seed", range(5))
def test_cuda_equals_cpu(mode: Mode, seed: int) -> None:
    mesh, camera = posed_scene(seed)
    results, grads = [], []
    for device in ("cpu", "cuda"):
        own = cast(mesh, torch.float32)
        moved = replace(own, verts=own.verts.to(device), texture=own.texture.to(device))
        result = render_exposure(moved, camera, RenderSettings(mode, "warp"))
        loss = result.rgb.square().sum() + result.alpha.square().sum()
        loss.backward()
        results.append((result.rgb.cpu(), result.alpha.cpu()))
        grads.append((own.verts.grad, own.texture.grad))
    # A face at a pixel may change where the last digit decides.
    for one, other in zip(*results, strict=True):
        assert ((one - other).abs() > 1e-5).float().mean() <= 1e-3
    for one, other in zip(*grads, strict=True):
        assert relative_error(other, one) <= 1e-3


@pytest.mark.skipif(sys.platform == "darwin", reason="there is no CUDA compiler")
@pytest.mark.parametrize("name", ["raster", "crossings", "coverage", "contour", "dibr"])
def test_the_kernels_compile_for_cuda(name: str, tmp_path: Path) -> None:
    """For the paper's generation of GPUs; it takes none. Positions keep their digits."""
    module = importlib.import_module(f"hfb.render.warp.{name}")
    warp.compile_aot_module(module, arch=75, module_dir=str(tmp_path), use_ptx=True)
    (code,) = tmp_path.glob("*.ptx")
    text = code.read_text()
    assert "sm_75" in text
    if name == "raster":
        assert "fma.rn" not in text
