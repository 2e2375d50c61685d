"""The adapter to kaolin, on a device that is none and with a stand-in for kaolin itself."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from device_double import DeviceDouble
from kaolin_double import kaolin
from render_scenes import cast, random_loss, random_scene, relative_error, tilted_square
from test_render_bodies import posed_scene

from hfb.errors import InputError
from hfb.render import RenderSettings, hard_silhouettes, render, render_exposure
from hfb.structures import Camera, Mesh

__all__ = ["kaolin"]


def test_naming_kaolin_is_enough() -> None:
    assert RenderSettings(backend="kaolin").mode == "dibr"
    mesh, camera = tilted_square()
    settings = RenderSettings("contour", "kaolin")
    with pytest.raises(InputError, match=r"only renders 'dibr'|not installed"):
        render_exposure(mesh, camera, settings)


@pytest.mark.usefixtures("kaolin")
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("option", ["", "perspective_correct", "depth_gradient"])
def test_equals_torch(seed: int, option: str) -> None:
    """Values and gradients, of exposures and of layers, on posed bodies and on limbs."""
    mesh, camera = posed_scene(seed, size=48) if seed < 3 else random_scene(seed)
    results, grads = [], []
    for backend in ("torch", "kaolin"):
        own = cast(mesh, torch.float64)
        settings = RenderSettings("dibr", backend, **({option: False} if option else {}))
        with DeviceDouble() as double:
            moved = replace(own, verts=own.verts.to("cuda"), texture=own.texture.to("cuda"))
            result = (render if seed % 2 else render_exposure)(moved, camera, settings)
            assert double.device_of(result.alpha).type == "cuda"
            # kaolin tells a face in reach by its mask alone: where that is 0, no colour counts.
            alpha = result.alpha.cpu()
            rgb = result.rgb.cpu() * (alpha > 0)
            loss = random_loss(replace(result, rgb=rgb, alpha=alpha))
            loss.to("cuda").backward()  # where autograd makes its zeros
            results.append((rgb, alpha))
        grads.append((own.verts.grad, own.texture.grad))
    for one, other in zip(*results, strict=True):
        assert (one - other).abs().max() <= 1e-5
    for one, other in zip(*grads, strict=True):
        assert relative_error(other, one) <= 1e-4


@pytest.mark.usefixtures("kaolin")
@pytest.mark.parametrize("sigmainv", [7000, 70])
@pytest.mark.parametrize("boxlen", [0.02, 0.2])
def test_the_published_values(shared_data: Path, sigmainv: int, boxlen: float) -> None:
    """The mask of DIB-R's fixture through the adapter's coordinates, depths and windings."""
    data = np.load(shared_data / "dibr_fixtures" / "simple.npz")
    (height, width), focal = (35, 31), 40.0
    half = torch.tensor([width / 2, -height / 2], dtype=torch.float64)
    camera = Camera(torch.tensor([focal] * 2), torch.tensor([width / 2, height / 2]), height, width)
    settings = RenderSettings(backend="kaolin", sigmainv=float(sigmainv), boxlen=boxlen)
    want = data[f"soft_mask__sigmainv{sigmainv}__boxlen{boxlen}"]
    for k, (ndc, depth) in enumerate(
        zip(data["face_vertices_ndc"], -data["face_depth"], strict=True)
    ):
        depth = torch.from_numpy(depth)
        place = torch.from_numpy(ndc) * half * depth[..., None] / focal
        verts = torch.cat([place, depth[..., None]], -1).reshape(1, -1, 3)
        faces = torch.arange(verts.shape[1]).reshape(-1, 3)
        to_second, to_third = (ndc[:, 1:] - ndc[:, :1]).transpose(1, 0, 2)
        clockwise = np.linalg.det(np.stack([to_second, to_third], -1)) < 0
        faces[clockwise] = faces[clockwise].flip(1)
        no_uv = torch.zeros_like(faces)
        with DeviceDouble():
            white = torch.ones(3, 1, 1, dtype=torch.float64)
            mesh = Mesh(verts.to("cuda"), faces, torch.zeros(1, 2), no_uv, white.to("cuda"))
            mask = render_exposure(mesh, camera, settings).alpha[0].cpu()
        np.testing.assert_allclose(mask.numpy(), want[k], atol=1e-5)


@pytest.mark.usefixtures("kaolin")
def test_what_lies_on_the_cpu_is_refused() -> None:
    mesh, camera = tilted_square()
    with pytest.raises(InputError, match=r"'kaolin', which needs CUDA, but mesh.verts is on cpu"):
        render_exposure(mesh, camera, RenderSettings(backend="kaolin"))
    assert hard_silhouettes(mesh.verts, mesh.faces, camera, RenderSettings(backend="kaolin")).any()
