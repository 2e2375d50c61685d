"""What must hold whatever the scene: axes, means, order, threads, area."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from render_scenes import cast, random_loss, random_scene, tilted_square
from torch import Tensor

from hfb.errors import ShapeError
from hfb.render import RenderSettings, hard_silhouettes, render, render_exposure
from hfb.structures import Camera, Mesh


def sample(mesh: Mesh, index: int) -> Mesh:
    return replace(mesh, verts=mesh.verts[index], texture=mesh.texture[index])


def test_mean_of_layers_is_the_exposure(mode: str, backend: str) -> None:
    mesh, camera = random_scene(1)
    settings = RenderSettings(mode, backend)
    layers, exposure = render(mesh, camera, settings), render_exposure(mesh, camera, settings)
    torch.testing.assert_close(
        (layers.alpha * layers.rgb).mean(-4), exposure.rgb, rtol=0, atol=1e-6
    )
    torch.testing.assert_close(layers.alpha.mean(-4), exposure.alpha, rtol=0, atol=1e-6)
    assert torch.equal(layers.visible_faces, exposure.visible_faces)
    assert exposure.visible_faces.any()
    assert not exposure.visible_faces.all()


def test_one_frame_is_its_own_mean(mode: str, backend: str) -> None:
    mesh, camera = random_scene(1)
    mesh, settings = replace(mesh, verts=mesh.verts[:, :1]), RenderSettings(mode, backend)
    layers, exposure = render(mesh, camera, settings), render_exposure(mesh, camera, settings)
    torch.testing.assert_close((layers.alpha * layers.rgb)[:, 0], exposure.rgb)


def test_colour_only_where_there_is_silhouette(mode: str, backend: str) -> None:
    mesh, camera = random_scene(2)
    mesh = replace(mesh, texture=mesh.texture + 0.5)
    layers = render(mesh, camera, RenderSettings(mode, backend))
    covered = hard_silhouettes(mesh.verts, mesh.faces, camera)[:, :, None]
    coloured = layers.rgb.amin(2, keepdim=True) > 0
    if mode == "dibr":  # the rim where parts thinner than a pixel cover none stays black
        assert coloured[covered].all()
        assert layers.alpha[~coloured].sum() < 0.03 * layers.alpha.sum()
    else:
        assert torch.equal(coloured, layers.alpha > 0 if mode == "coverage" else covered)
    assert ((layers.alpha > 0) & ~covered).any()


def test_time_reversal_changes_nothing(backend: str) -> None:
    mesh, camera = random_scene(3)
    settings = RenderSettings(backend=backend)
    forward = render_exposure(mesh, camera, settings)
    backward = render_exposure(replace(mesh, verts=mesh.verts.flip(1)), camera, settings)
    torch.testing.assert_close(forward.rgb, backward.rgb, rtol=0, atol=1e-6)
    torch.testing.assert_close(forward.alpha, backward.alpha, rtol=0, atol=1e-6)
    assert torch.equal(forward.visible_faces, backward.visible_faces)


@pytest.mark.parametrize("num_threads", [1, 3])
def test_batch_equals_singles(mode: str, backend: str, num_threads: int) -> None:
    mesh, camera = random_scene(4)
    verts = torch.cat([mesh.verts, mesh.verts + 0.03, mesh.verts.flip(1)])
    texture = torch.cat([mesh.texture, 1 - mesh.texture, mesh.texture])
    mesh, settings = replace(mesh, verts=verts, texture=texture), RenderSettings(mode, backend)
    settings = replace(settings, num_threads=num_threads)
    batch = cast(mesh, torch.float32)
    together = render_exposure(batch, camera, settings)
    weight = torch.randn(together.rgb.shape[1:], generator=torch.Generator().manual_seed(0))
    (together.rgb * weight + together.alpha).sum().backward()
    assert batch.verts.grad is not None
    for i in range(len(verts)):
        single = cast(sample(mesh, i), torch.float32)
        alone = render_exposure(single, camera, settings)
        (alone.rgb * weight + alone.alpha).sum().backward()
        torch.testing.assert_close(together.rgb[i], alone.rgb, rtol=0, atol=1e-6)
        torch.testing.assert_close(together.alpha[i], alone.alpha, rtol=0, atol=1e-6)
        assert torch.equal(together.visible_faces[i], alone.visible_faces)
        torch.testing.assert_close(batch.verts.grad[i], single.verts.grad, rtol=1e-4, atol=1e-3)


def test_leading_axes_and_cameras(backend: str) -> None:
    mesh, camera = random_scene(5)
    settings = RenderSettings(backend=backend)
    verts = torch.stack([mesh.verts[0], mesh.verts[0] + 0.02, mesh.verts[0] - 0.02])[None]
    texture = mesh.texture[:1].expand(1, 3, *mesh.texture.shape[1:])
    focal = camera.focal * torch.tensor([1.0, 1.1, 0.9])[None, :, None]
    own = replace(camera, focal=focal, principal_point=camera.principal_point.expand(1, 3, 2))
    result = render_exposure(replace(mesh, verts=verts, texture=texture), own, settings)
    assert result.rgb.shape == (1, 3, 3, camera.height, camera.width)
    assert result.visible_faces.shape == (1, 3, len(mesh.faces))
    for i in range(3):
        alone = render_exposure(
            replace(mesh, verts=verts[0, i], texture=texture[0, i]),
            replace(camera, focal=focal[0, i]),
            settings,
        )
        torch.testing.assert_close(result.rgb[0, i], alone.rgb, rtol=0, atol=1e-6)


def test_same_result_on_one_and_two_threads(mode: str) -> None:
    mesh, camera = random_scene(6)
    mesh = replace(mesh, verts=torch.cat([mesh.verts, mesh.verts + 0.01], 1)[:, :5])
    images, grads = [], []
    for threads in (1, 2, 2):
        own = cast(mesh, torch.float32)
        result = render_exposure(own, camera, RenderSettings(mode, "numba", num_threads=threads))
        random_loss(result).backward()
        images.append(torch.cat([result.rgb, result.alpha], 1))
        grads.append((own.verts.grad, own.texture.grad))
    assert (images[0] - images[1]).abs().max() <= 1e-6
    torch.testing.assert_close(grads[0][1], grads[1][1], rtol=1e-5, atol=1e-5)
    assert torch.equal(images[1], images[2])  # bitwise, for a fixed number of threads
    assert torch.equal(grads[1][0], grads[2][0])
    assert torch.equal(grads[1][1], grads[2][1])


def test_torch_thread_setting_is_left_alone() -> None:
    before = torch.get_num_threads()
    mesh, camera = random_scene(6)
    render_exposure(mesh, camera, RenderSettings(backend="numba", num_threads=2))
    assert torch.get_num_threads() == before


def test_int32_faces_and_float64_on_numba() -> None:
    mesh, camera = random_scene(7)
    settings = RenderSettings(backend="numba")
    want = render_exposure(mesh, camera, settings)
    short = replace(mesh, faces=mesh.faces.int(), faces_uv=mesh.faces_uv.int())
    assert torch.equal(render_exposure(short, camera, settings).rgb, want.rgb)
    wide = cast(mesh, torch.float64)
    result = render_exposure(wide, camera, settings)
    assert result.rgb.dtype == torch.float64
    torch.testing.assert_close(result.rgb.float(), want.rgb)
    result.rgb.sum().backward()
    assert wide.verts.grad is not None
    assert wide.verts.grad.dtype == torch.float64


def test_faces_edited_in_place_are_noticed(backend: str) -> None:
    mesh, camera = tilted_square()
    faces = mesh.faces.clone()
    settings = RenderSettings(backend=backend)
    both = hard_silhouettes(mesh.verts, faces, camera, settings).sum()
    faces[1] = faces[0]
    assert hard_silhouettes(mesh.verts, faces, camera, settings).sum() < 0.7 * both


def test_visible_faces(backend: str) -> None:
    """A square before a square: the back one is seen only when the front one has moved away."""
    near, camera = tilted_square()
    far = near.verts * torch.tensor([1.2, 1.2, 1.5])
    verts = torch.cat([near.verts, far], 1)
    faces = torch.cat([near.faces, near.faces + 4])
    mesh = replace(near, verts=verts, faces=faces, faces_uv=near.faces_uv.repeat(2, 1))
    settings = RenderSettings(backend=backend)
    hidden = render_exposure(mesh, camera, settings).visible_faces
    assert hidden.tolist() == [True, True, False, False]
    moved = verts.clone()
    moved[:, :4, 0] -= 0.6
    both = replace(mesh, verts=torch.cat([verts, moved]))
    assert render_exposure(both, camera, settings).visible_faces.all()


def test_a_crop_is_part_of_the_whole(mode: str, backend: str) -> None:
    """A silhouette that leaves the image does so without a seam."""
    if mode == "dibr":
        pytest.skip("its softness is defined relative to the image")
    mesh, camera = random_scene(8)
    settings = RenderSettings(mode, backend)
    whole = render_exposure(mesh, camera, settings)
    bounds = whole.alpha[0, 0].nonzero()
    top, left = (int(i) for i in bounds.float().mean(0))
    part = camera.crop(float(left), float(top), 1.0, camera.height - top, camera.width - left)
    cropped = render_exposure(mesh, part, settings)
    torch.testing.assert_close(cropped.alpha, whole.alpha[..., top:, left:], rtol=0, atol=1e-5)
    torch.testing.assert_close(cropped.rgb, whole.rgb[..., top:, left:], rtol=0, atol=1e-4)


@pytest.mark.parametrize("size", [64, 160])
def test_coverage_area_is_unbiased(body: tuple[Tensor, ...], size: int) -> None:
    """Against the area of a hard raster with 16 times the resolution; the paper's mask is not."""
    verts, faces, uv, faces_uv = body
    height = float(verts[:, 1].max() - verts[:, 1].min())
    focal = 1.4 * size
    distance = focal * height / (0.65 * size)
    upright = verts * torch.tensor([1.0, -1.0, -1.0])
    frames = torch.stack(
        [upright + torch.tensor([0.1 * i, 0.03 * i, distance]) for i in (-1.0, -0.3, 0.4, 1.1)]
    )
    camera = Camera(torch.tensor([focal, focal]), torch.tensor([size / 2, size / 2]), size, size)
    fine = camera.crop(0.0, 0.0, 16.0, 16 * size, 16 * size)
    area = hard_silhouettes(frames, faces, fine).float().mean()
    mesh = Mesh(frames, faces, uv, faces_uv, torch.rand(3, 4, 4))
    coverage = render_exposure(mesh, camera).alpha.mean()
    assert abs(coverage / area - 1) < 0.01
    assert render_exposure(mesh, camera, RenderSettings("dibr")).alpha.mean() / area > 1.15


def test_kernels_compile_where_nothing_may_be_written(tmp_path: Path, repo: Path) -> None:
    """No home, no package folder: the compiled kernels then go to the temporary folder."""
    program = (
        "from hfb.render.numba.cache import _CACHE_FOLDER, kernel\n"
        "assert kernel(lambda x: x + 1)(1) == 2\n"
        "print(_CACHE_FOLDER)"
    )
    environment = {
        **{k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"},
        "HOME": "/proc/nowhere",
        "XDG_CACHE_HOME": "/proc/nowhere",
        "TMPDIR": str(tmp_path),
        "PYTHONPATH": str(repo),
    }
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout.startswith(str(tmp_path))


def test_mismatched_axes_are_named() -> None:
    mesh, camera = random_scene(1)
    wrong = replace(mesh)
    object.__setattr__(wrong, "texture", mesh.texture[:1].expand(5, -1, -1, -1))
    with pytest.raises(ShapeError, match=r"mesh\.texture has shape \(5, 3, 3, 4\)"):
        render_exposure(wrong, camera)
