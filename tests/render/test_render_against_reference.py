"""Both backends against a slow reference, and against the reference implementation of DIB-R."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from render_scenes import limbs_mesh, move, tilted_square
from slow_reference import SlowFrame

from hfb.render import RenderSettings, hard_silhouettes, render, render_exposure
from hfb.structures import Camera, Mesh


def small_scene(seed: int, shift: float = 0.0) -> tuple[Mesh, Camera]:
    generator = torch.Generator().manual_seed(seed)
    verts, faces, uv, faces_uv = limbs_mesh(generator, num_limbs=3, rows=5, columns=6)
    frames = move(verts, 2, generator) + torch.tensor([shift, 0.0, 2.0])
    camera = Camera(torch.tensor([26.0, 24.0]), torch.tensor([10.3, 11.2]), 22, 19)
    return Mesh(frames, faces, uv, faces_uv, torch.rand(3, 5, 7, generator=generator)), camera


SCENES = {
    "square": tilted_square(),
    "limbs": small_scene(0),
    "more limbs": small_scene(3),
    "partly outside": small_scene(1, shift=0.7),
}


@pytest.fixture(params=list(SCENES))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@cache
def slow_frame(name: str, frame: int = 0) -> SlowFrame:
    return SlowFrame(*SCENES[name], frame)


def test_hard_silhouettes(name: str, backend: str) -> None:
    mesh, camera = SCENES[name]
    got = hard_silhouettes(mesh.verts, mesh.faces, camera, RenderSettings(backend=backend))
    for frame in range(len(mesh.verts)):
        want = slow_frame(name, frame).covered()
        assert want.sum() > 5
        np.testing.assert_array_equal(got[frame].numpy(), want)


@pytest.mark.parametrize("soft_mode", ["coverage", "contour"])
def test_layers(name: str, backend: str, soft_mode: str) -> None:
    mesh, camera = SCENES[name]
    layers = render(mesh, camera, RenderSettings(mode=soft_mode, backend=backend))
    rgb, alpha = slow_frame(name).render(soft_mode)
    assert 0.02 < ((alpha > 0) & (alpha < 1)).mean() < 0.9
    np.testing.assert_allclose(layers.alpha[0, 0].numpy(), alpha, atol=1e-5)
    np.testing.assert_allclose(layers.rgb[0].permute(1, 2, 0).numpy(), rgb, atol=2e-5)


def test_dibr_mask(name: str, backend: str) -> None:
    mesh, camera = SCENES[name]
    for sigmainv, boxlen, knum in ((7000.0, 0.02, 30), (200.0, 0.1, 4)):
        settings = RenderSettings("dibr", backend, sigmainv=sigmainv, boxlen=boxlen, knum=knum)
        got = render(mesh, camera, settings).alpha[0, 0]
        want = slow_frame(name).dibr_mask(sigmainv, boxlen, knum)
        np.testing.assert_allclose(got.numpy(), want, atol=1e-5)


def test_dibr_rim_has_the_colour_of_the_nearest_covered_pixel(name: str, backend: str) -> None:
    mesh, camera = SCENES[name]
    sigmainv, boxlen = 200.0, 0.1
    settings = RenderSettings("dibr", backend, sigmainv=sigmainv, boxlen=boxlen, knum=500)
    layers = render(mesh, camera, settings)
    got = layers.rgb[0].permute(1, 2, 0).numpy()
    slow = slow_frame(name)
    want, distance = slow.dibr_rim(slow.dibr_mask(sigmainv, boxlen, 500))
    reach = np.hypot(boxlen, boxlen) / 2 * min(camera.width, camera.height)
    is_rim = (distance > 0) & (distance <= reach)
    assert is_rim.sum() > 10
    np.testing.assert_allclose(got[is_rim], want[is_rim], atol=2e-5)
    black = render(mesh, camera, replace(settings, rim="black"))
    assert torch.equal(black.alpha, layers.alpha)
    is_covered = slow.covered()
    assert (black.rgb[0, :, ~is_covered] == 0).all()
    assert torch.equal(black.rgb[0, :, is_covered], layers.rgb[0, :, is_covered])


def test_affine_interpolation_is_linear_on_the_image(backend: str) -> None:
    """At the middle of an edge on the image, affine coordinates are halfway whatever the depth."""
    verts = torch.tensor([[[-1.0, -1.0, 1.0], [-1.0, 1.0, 1.0], [4.0, 0.0, 4.0]]])
    faces, ramp = torch.tensor([[0, 1, 2]]), torch.linspace(0, 1, 101)
    uv = torch.tensor([[0.0, 0.5], [0.0, 0.5], [1.0, 0.5]])
    mesh = Mesh(verts, faces, uv, faces, ramp.expand(3, 1, 101))
    camera = Camera(torch.tensor([20.0, 20.0]), torch.tensor([20.5, 20.5]), 41, 41)
    # corners at x = 0.5 (twice) and 40.5: pixel 20 is halfway; in space its depth is
    # 1 / (½·1/1 + ½·1/4) = 1.6, so its share of the far corner is ½·(1/4)·1.6 = 0.2
    for correct, share in ((False, 0.5), (True, 0.2)):
        settings = RenderSettings(backend=backend, perspective_correct=correct)
        colour = render(mesh, camera, settings).rgb[0, 0, 20, 20]
        assert colour.item() == pytest.approx((share * 101 - 0.5) / 100, abs=1e-5)


def test_texture_row_zero_is_up(backend: str) -> None:
    mesh, camera = tilted_square()
    texture = torch.zeros(3, 4, 4)
    texture[0, :2] = 1.0  # the upper half of the image is v > 0.5
    texture[1, :, :2] = 1.0  # the left half is u < 0.5
    rgb = render(replace(mesh, texture=texture), camera, RenderSettings(backend=backend)).rgb[0]
    assert rgb[:, 7, 5].tolist() == pytest.approx([1.0, 1.0, 0.0], abs=0.3)
    assert rgb[:, 13, 10].tolist() == pytest.approx([0.0, 0.0, 0.0], abs=0.3)


@pytest.mark.parametrize("sigmainv", [7000, 70])
@pytest.mark.parametrize("boxlen", [0.02, 0.2])
def test_dibr_fixture(shared_data: Path, backend: str, sigmainv: int, boxlen: float) -> None:
    """The published test values of DIB-R: mask and gradient.

    The fixture draws faces of either winding, so each face is turned to the front; its NDC becomes
    camera coordinates by undoing the projection, which autograd then carries the gradient through.
    """
    data = np.load(shared_data / "dibr_fixtures" / "simple.npz")
    key, (height, width), focal = f"sigmainv{sigmainv}__boxlen{boxlen}", (35, 31), 40.0
    masks, corners = [], []
    for ndc_values, depths in zip(data["face_vertices_ndc"], -data["face_depth"], strict=True):
        ndc = torch.from_numpy(ndc_values).requires_grad_()
        depth = torch.from_numpy(depths)
        half = torch.tensor([width / 2, -height / 2], dtype=torch.float64)
        verts = torch.cat([ndc * half * depth[..., None] / focal, depth[..., None]], -1)
        faces = torch.arange(ndc.numel() // 2).reshape(-1, 3)
        to_second, to_third = (ndc_values[:, 1:] - ndc_values[:, :1]).transpose(1, 0, 2)
        clockwise = np.linalg.det(np.stack([to_second, to_third], -1)) < 0
        faces[clockwise] = faces[clockwise].flip(1)
        mesh = Mesh(
            verts.reshape(1, -1, 3),
            faces,
            torch.zeros(1, 2),
            torch.zeros_like(faces),
            torch.ones(3, 1, 1, dtype=torch.float64),
        )
        camera = Camera(
            torch.tensor([focal, focal]), torch.tensor([width / 2, height / 2]), height, width
        )
        settings = RenderSettings("dibr", backend, sigmainv=float(sigmainv), boxlen=boxlen)
        masks.append(render_exposure(mesh, camera, settings).alpha[0])
        corners.append(ndc)
    mask = torch.stack(masks)
    np.testing.assert_allclose(mask.detach().numpy(), data[f"soft_mask__{key}"], atol=1e-5)
    covered = torch.from_numpy(data["face_idx"] >= 0).double()
    other = torch.nn.functional.pad(covered, (0, 5))[..., 5:]
    overlap, total = (mask * other).sum((1, 2)), (mask + other).sum((1, 2))
    (1 - (overlap / (total - overlap + 1e-10)).mean()).backward()
    grad = torch.stack([c.grad for c in corners if c.grad is not None])
    want = data[f"grad_face_vertices_image__{key}"]
    assert np.abs(want).max() > 0.05
    np.testing.assert_allclose(grad.numpy(), want, atol=1e-5)
