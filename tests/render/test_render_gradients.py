"""Gradients: autograd against differences, numba against autograd, and whether they optimise."""

import math
from dataclasses import replace

import pytest
import torch
from render_scenes import (
    COLLAPSED,
    SITUATIONS,
    cast,
    limbs_mesh,
    move,
    random_loss,
    random_scene,
    relative_error,
    tilted_square,
)
from torch import Tensor

from hfb.render import RenderSettings, render, render_exposure
from hfb.structures import Camera, Mesh


def gradcheck_scene() -> tuple[Mesh, Camera]:
    generator = torch.Generator().manual_seed(2)
    verts, faces, uv, faces_uv = limbs_mesh(generator, num_limbs=2, rows=2, columns=4)
    frames = move(verts, 2, generator)[:1] + torch.tensor([0.1, 0.0, 1.3])
    camera = Camera(torch.tensor([16.0, 15.0]), torch.tensor([6.2, 5.1]), 10, 12)
    texture = torch.rand(3, 2, 3, generator=generator)
    return cast(Mesh(frames, faces, uv, faces_uv, texture), torch.float64), camera


@pytest.mark.parametrize(("exposure", "perspective_correct"), [(True, True), (False, False)])
def test_torch_gradcheck(mode: str, exposure: bool, perspective_correct: bool) -> None:
    """Every input against central differences of a few random sums of the pixels."""
    mesh, camera = gradcheck_scene()
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(4, 4, camera.height, camera.width, generator=generator).double()
    settings = RenderSettings(
        mode, "torch", sigmainv=30.0, boxlen=0.2, perspective_correct=perspective_correct
    )

    def images(verts: Tensor, texture: Tensor) -> Tensor:
        changed = replace(mesh, verts=verts, texture=texture)
        result = (render_exposure if exposure else render)(changed, camera, settings)
        return torch.cat([result.rgb, result.alpha], -3)

    def sums(verts: Tensor, texture: Tensor) -> Tensor:
        return (images(verts, texture) * weights).sum((1, 2, 3))

    alpha = images(mesh.verts, mesh.texture)[..., 3, :, :]
    assert alpha.sum() > 5
    assert ((alpha > 0) & (alpha < 1)).sum() > 10
    assert torch.autograd.gradcheck(sums, (mesh.verts, mesh.texture), eps=1e-7, atol=1e-5)


@pytest.mark.parametrize(
    ("situation", "seed"),
    # The body is large: two poses of it are enough.
    [(s, i) for s in SITUATIONS for i in range(2 if s == "body" else 6)],
)
def test_numba_equals_torch(
    mode: str, situation: str, seed: int, request: pytest.FixtureRequest
) -> None:
    """Value and gradient; the reference is computed in float64 from the same numbers."""
    mesh, camera = random_scene(
        seed, situation, request.getfixturevalue("body") if situation == "body" else None
    )
    for function in (render_exposure, render) if seed < 2 else (render_exposure,):
        results, grads = [], []
        for backend, dtype in (("torch", torch.float64), ("numba", torch.float32)):
            own = cast(mesh, dtype)
            # Softer than the paper's on these small images, and wide enough that no face enters or
            # leaves a pixel's list by rounding.
            settings = RenderSettings(mode, backend, sigmainv=3000.0, boxlen=0.07, knum=500)
            result = function(own, camera, settings)
            random_loss(result, seed).backward()
            results.append(result)
            grads.append((merge_collapsed(own.verts.grad, situation), own.texture.grad))
        assert (results[0].rgb - results[1].rgb).abs().max() <= 1e-5
        assert (results[0].alpha - results[1].alpha).abs().max() <= 1e-5
        if function is render_exposure:
            assert torch.equal(results[0].visible_faces, results[1].visible_faces)
        assert relative_error(grads[1][0], grads[0][0]) <= 1e-4
        assert relative_error(grads[1][1], grads[0][1]) <= 1e-4
    assert bool(results[0].alpha.any()) == (situation != "behind")


def merge_collapsed(grad: Tensor | None, situation: str) -> Tensor:
    """Sum over vertices that lie on each other: which of them is pulled is a matter of rounding."""
    assert grad is not None
    if situation != "degenerate":
        return grad
    groups = [grad[..., part, :].sum(-2, keepdim=True) for part in COLLAPSED]
    return torch.cat([grad[..., 72:93, :], grad[..., 103:, :], *groups], -2)


@pytest.mark.parametrize("option", ["perspective_correct", "depth_gradient"])
def test_numba_equals_torch_with_options_off(mode: str, option: str) -> None:
    mesh, camera = random_scene(11)
    grads = {}
    for backend, dtype, value in (
        ("torch", torch.float64, False),
        ("numba", torch.float32, False),
        ("torch", torch.float64, True),
    ):
        own = cast(mesh, dtype)
        settings = replace(RenderSettings(mode, backend), **{option: value})
        random_loss(render_exposure(own, camera, settings)).backward()
        grads[backend, value] = own.verts.grad
    assert relative_error(grads["numba", False], grads["torch", False]) <= 1e-4
    assert relative_error(grads["torch", True], grads["torch", False]) > 1e-4  # it does something


def test_gradient_on_an_edge_through_pixel_centres(backend: str) -> None:
    """Exactly on its edge a pixel is half covered; its gradient is along the edge's normal."""
    verts = torch.tensor([[[-1.0, -1.0, 1.0], [-1.0, 1.0, 1.0], [0.0, 1.0, 1.0], [0.0, -1.0, 1.0]]])
    mesh = Mesh(
        verts.requires_grad_(),
        torch.tensor([[0, 1, 2], [0, 2, 3]]),
        torch.zeros(1, 2),
        torch.zeros(2, 3, dtype=torch.int64),
        torch.ones(3, 1, 1),
    )
    camera = Camera(torch.tensor([4.0, 4.0]), torch.tensor([4.5, 4.0]), 8, 8)
    alpha = render_exposure(mesh, camera, RenderSettings(backend=backend)).alpha[0]
    assert alpha[4].tolist() == pytest.approx([0.5, 1, 1, 1, 0.5, 0, 0, 0], abs=1e-6)
    alpha[4, 4].backward()
    # the right edge is at x = 4 px/m · X: one metre to the right covers 4 pixels more
    assert mesh.verts.grad is not None
    assert mesh.verts.grad[0, 2:, 0].sum().item() == pytest.approx(4.0, abs=1e-3)


def test_white_texture_gives_rgb_equal_to_alpha_and_its_gradient(backend: str) -> None:
    """The composite is anti-aliased: the boundary carries as much colour as silhouette."""
    mesh, camera = random_scene(4)
    mesh = replace(mesh, texture=torch.ones_like(mesh.texture))
    settings = RenderSettings(backend=backend)
    grads = []
    for take in ("rgb", "alpha"):
        own = cast(mesh, torch.float32)
        exposure = render_exposure(own, camera, settings)
        torch.testing.assert_close(
            exposure.rgb, exposure.alpha.expand_as(exposure.rgb), rtol=0, atol=1e-6
        )
        weight = torch.randn(exposure.alpha.shape, generator=torch.Generator().manual_seed(3))
        image = exposure.rgb[:, :1] if take == "rgb" else exposure.alpha
        (image * weight).sum().backward()
        grads.append(own.verts.grad)
    assert relative_error(grads[0], grads[1]) <= 1e-5


def test_second_backward_and_interleaved_calls(backend: str) -> None:
    """The memory of a call is not lent to another while its gradient may still be asked for."""
    settings = RenderSettings(backend=backend)
    mesh, camera = random_scene(5)
    first, second = cast(mesh, torch.float32), cast(mesh, torch.float32)
    alone = torch.autograd.grad(random_loss(render_exposure(first, camera, settings)), first.verts)
    loss = random_loss(render_exposure(first, camera, settings))
    moved = replace(second, verts=second.verts + 0.05)
    random_loss(render_exposure(moved, camera, settings)).backward()
    for _ in range(2):
        again = torch.autograd.grad(loss, first.verts, retain_graph=True)
        torch.testing.assert_close(again[0], alone[0])


@pytest.mark.parametrize("needed", ["verts", "texture"])
def test_only_one_gradient_needed(backend: str, needed: str) -> None:
    mesh, camera = random_scene(6)
    tensor = getattr(mesh, needed).clone().requires_grad_()
    exposure = render_exposure(
        replace(mesh, **{needed: tensor}), camera, RenderSettings(backend=backend)
    )
    exposure.rgb.sum().backward()
    assert tensor.grad is not None
    assert tensor.grad.abs().sum() > 0


@pytest.mark.parametrize("offset", [(10.0, 0.0), (-6.0, 8.0)])
def test_optimiser_recovers_a_shift_of_ten_pixels(offset: tuple[float, float]) -> None:
    generator = torch.Generator().manual_seed(1)
    verts, faces, uv, faces_uv = limbs_mesh(generator)
    frames = move(verts, 3, generator) + torch.tensor([0.0, 0.0, 2.0])
    camera = Camera(torch.tensor([80.0, 80.0]), torch.tensor([32.0, 32.0]), 64, 64)
    mesh = Mesh(frames, faces, uv, faces_uv, torch.rand(3, 8, 8, generator=generator))
    target = render_exposure(mesh, camera)
    shift = torch.tensor([*offset, 0.0]) * 2.0 / 80.0  # px to metres at 2 m
    shift.requires_grad_()
    optimiser = torch.optim.Adam([shift], lr=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 120, eta_min=0.0005)
    for _ in range(120):
        optimiser.zero_grad()
        result = render_exposure(replace(mesh, verts=frames + shift), camera)
        loss = (result.rgb - target.rgb).square().mean()
        (loss + (result.alpha - target.alpha).square().mean()).backward()
        optimiser.step()
        schedule.step()
    assert shift[:2].norm().item() * 80.0 / 2.0 < 0.1


def test_square_depth_gradient_has_the_right_sign() -> None:
    """Bringing a face closer makes it larger: more silhouette."""
    mesh, camera = tilted_square()
    own = cast(mesh, torch.float32)
    render_exposure(own, camera).alpha.sum().backward()
    assert own.verts.grad is not None
    assert own.verts.grad[..., 2].sum() < 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_equals_cpu(mode: str) -> None:
    mesh, camera = random_scene(1)
    images, grads = [], []
    for device in ("cpu", "cuda"):
        own = cast(mesh, torch.float32)
        moved = replace(own, verts=own.verts.to(device), texture=own.texture.to(device))
        result = render_exposure(moved, camera, RenderSettings(mode, "torch"))
        random_loss(replace(result, rgb=result.rgb.cpu(), alpha=result.alpha.cpu())).backward()
        images.append(torch.cat([result.rgb, result.alpha], 1).cpu())
        grads.append(own.verts.grad)
    assert (images[0] - images[1]).abs().max() <= 1e-5
    assert relative_error(grads[1], grads[0]) <= 1e-4


@pytest.mark.parametrize(("backend", "dtype"), [("torch", torch.float64), ("numba", torch.float32)])
def test_dibr_gradient_next_to_an_edge(backend: str, dtype: torch.dtype) -> None:
    """One face, small d: d mask / dx = -2 sigmainv d p q / (q + guard), q = 1 - p almost 0."""
    gap_px, size, sigmainv, guard = 4e-4, 64, 7000.0, 1e-7
    corners = torch.tensor([[20.5 + gap_px, -40.0], [50.0, 30.0], [20.5 + gap_px, 100.0]])
    verts = torch.cat([(corners.double() - size / 2) / size, torch.ones(3, 1).double()], 1)
    mesh = Mesh(
        verts[None], torch.tensor([[0, 2, 1]]), torch.zeros(1, 2), torch.zeros(1, 3).long(),
        torch.ones(3, 1, 1),
    )  # fmt: skip
    centre = torch.tensor([size / 2, size / 2])
    own = cast(mesh, dtype)
    camera = Camera(torch.tensor([float(size)] * 2), centre, size, size)
    result = render_exposure(own, camera, RenderSettings("dibr", backend))
    result.alpha[0, 32, 20].backward()
    assert own.verts.grad is not None
    scale = 2 / size
    rest = 1 - math.exp(-sigmainv * (scale * gap_px) ** 2)
    slope_px = -2 * sigmainv * scale**2 * gap_px * (1 - rest) * rest / (rest + guard)
    assert float(own.verts.grad[0, :, 0].sum()) == pytest.approx(slope_px * size, rel=0.02)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_kaolin_equals_torch() -> None:
    """The paper's rasteriser and ours, mode `dibr`, on the device that the former needs."""
    pytest.importorskip("kaolin", reason="kaolin is not installed")
    mesh, camera = random_scene(1)
    masks, grads = [], []
    for backend in ("torch", "kaolin"):
        own = cast(mesh, torch.float32)
        moved = replace(own, verts=own.verts.cuda(), texture=own.texture.cuda())
        result = render_exposure(moved, camera, RenderSettings("dibr", backend))
        result.alpha.square().sum().backward()
        masks.append(result.alpha)
        grads.append(own.verts.grad)
    assert (masks[0] - masks[1]).abs().max() <= 1e-5
    assert relative_error(grads[1], grads[0]) <= 1e-3
