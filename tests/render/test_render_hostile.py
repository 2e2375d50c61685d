"""Input that makes no sense gives a named error; input that may happen gives finite output."""

from dataclasses import replace

import pytest
import torch
from render_scenes import cast, random_scene, tilted_square
from torch import Tensor

from hfb.errors import InputError, ShapeError
from hfb.render import RenderSettings, hard_silhouettes, render, render_exposure
from hfb.structures import Camera, Mesh


def with_field(record: Mesh | Camera, name: str, value: object) -> Mesh | Camera:
    """Replace a field without the shape checks that only tests switch on."""
    changed = replace(record)
    object.__setattr__(changed, name, value)
    return changed


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), 1e30, 0.0])
def test_unusable_vertices_are_dropped(mode: str, backend: str, bad: float) -> None:
    mesh, camera = random_scene(1)
    verts = mesh.verts.clone()
    verts[:, :, ::7] = bad
    own = cast(replace(mesh, verts=verts), torch.float32)
    for function in (render_exposure, render):
        result = function(own, camera, RenderSettings(mode, backend))
        assert result.alpha.isfinite().all()
        assert result.rgb.isfinite().all()
        assert result.alpha.max() > 0.2  # the other faces are drawn
        own.verts.grad = None
        (result.rgb.sum() + result.alpha.square().sum()).backward()
        assert own.verts.grad is not None
        assert own.verts.grad.isfinite().all()
        if bad != 1e30:  # x / z of that is 1: it is in sight, if far away
            assert not own.verts.grad[:, :, ::7].any()


@pytest.mark.parametrize("place", [(0.0, 0.0, -3.0), (100.0, 0.0, 3.0), (1e9, 0.0, 1e9)])
def test_nothing_to_see(mode: str, backend: str, place: tuple[float, float, float]) -> None:
    mesh, camera = random_scene(1)
    own = cast(replace(mesh, verts=mesh.verts * 1e-6 + torch.tensor(place)), torch.float32)
    exposure = render_exposure(own, camera, RenderSettings(mode, backend))
    (exposure.rgb.sum() + exposure.alpha.sum()).backward()
    assert not exposure.alpha.any()
    assert not exposure.visible_faces.any()
    assert own.verts.grad is not None
    assert own.verts.grad.isfinite().all()


def test_limbs_without_thickness(mode: str, backend: str) -> None:
    """A line and a disc: every area is rounding, of either sign."""
    mesh, camera = random_scene(1)
    verts = mesh.verts.clone()
    line, disc = verts[:, :, :72], verts[:, :, 72:144]
    line[:] = line[:, :, :1] + 0.01 * torch.arange(72.0)[:, None]
    disc[..., 2] = disc[:, :, :1, 2]
    own = cast(replace(mesh, verts=verts), torch.float32)
    exposure = render_exposure(own, camera, RenderSettings(mode, backend))
    (exposure.rgb.sum() + exposure.alpha.square().sum()).backward()
    assert exposure.rgb.isfinite().all()
    assert 0 <= exposure.alpha.min()
    assert exposure.alpha.max() <= 1 + 1e-6
    assert own.verts.grad is not None
    assert own.verts.grad.isfinite().all()


def test_empty_meshes(mode: str, backend: str) -> None:
    mesh, camera = random_scene(1)
    settings = RenderSettings(mode, backend)
    no_faces = torch.zeros(0, 3, dtype=torch.int64)
    without = replace(mesh, faces=no_faces, faces_uv=no_faces)
    assert not render_exposure(without, camera, settings).alpha.any()
    none = replace(mesh, verts=mesh.verts[:0], texture=mesh.texture[:0])
    assert render_exposure(none, camera, settings).rgb.shape[0] == 0
    assert render(none, camera, settings).alpha.shape[0] == 0
    assert hard_silhouettes(none.verts, mesh.faces, camera, settings).shape[0] == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (33, 1), (3, 200)])
def test_odd_image_sizes(mode: str, backend: str, size: tuple[int, int]) -> None:
    mesh, camera = tilted_square()
    camera = replace(camera, height=size[0], width=size[1])
    camera = replace(camera, principal_point=torch.tensor([size[1] / 2, size[0] / 2]))
    own = cast(mesh, torch.float32)
    exposure = render_exposure(own, camera, RenderSettings(mode, backend))
    exposure.rgb.sum().backward()
    assert exposure.alpha.shape[-2:] == size
    assert 0 < exposure.alpha.max() <= 1 + 1e-6
    assert own.verts.grad is not None
    assert own.verts.grad.isfinite().all()


@pytest.mark.parametrize("uv", [-3.0, 0.0, 1.0, 1e20])
def test_uv_outside_is_clamped(backend: str, uv: float) -> None:
    mesh, camera = tilted_square()
    texture = torch.arange(12.0).reshape(1, 3, 4).expand(3, 3, 4)
    mesh = replace(mesh, uv=torch.full_like(mesh.uv, uv), texture=texture)
    layers = render(mesh, camera, RenderSettings(backend=backend))
    corner = 8.0 if uv < 0.5 else 3.0  # u left, v down; or u right, v up
    assert layers.rgb[layers.alpha.expand_as(layers.rgb) > 0].unique().tolist() == [corner]


BAD_MESHES = {
    "faces beyond verts": ("faces", lambda t: t + 1000, InputError, r"vertex index 13\d\d"),
    "negative faces": ("faces", lambda t: t - 1, InputError, "negative vertex index -1"),
    "faces_uv beyond uv": ("faces_uv", lambda t: t + 500, InputError, "faces_uv holds index 598"),
    "negative faces_uv": ("faces_uv", lambda t: t - 1, InputError, "faces_uv holds index -1"),
    "float faces": ("faces", lambda t: t.float(), InputError, "faces is torch.float32"),
    "quads": ("faces", lambda t: t.repeat(1, 2)[:, :4], ShapeError, r"\(400, 4\)|\(\d+, 4\)"),
    "fewer faces_uv": ("faces_uv", lambda t: t[1:], ShapeError, "mesh.faces_uv"),
    "integer verts": ("verts", lambda t: t.long(), InputError, "mesh.verts is torch.int64"),
    "2D verts": ("verts", lambda t: t[..., :2], ShapeError, "mesh.verts has shape"),
    "flat verts": ("verts", lambda t: t[0, 0], ShapeError, "mesh.verts has shape"),
    "no frames": ("verts", lambda t: t[:, :0], ShapeError, "no sub-frames"),
    "grey texture": ("texture", lambda t: t[:, :1], ShapeError, "3 channels"),
    "no texels": ("texture", lambda t: t[..., :0], ShapeError, "at least 1 texel"),
    "other dtype": ("texture", lambda t: t.double(), InputError, "must be alike"),
    "integer texture": ("texture", lambda t: t.byte(), InputError, "torch.uint8"),
    "3D uv": ("uv", lambda t: t.repeat(1, 2)[:, :3], ShapeError, "mesh.uv has shape"),
    "uv not finite": ("uv", lambda t: t * float("nan"), InputError, "not finite"),
}


@pytest.mark.parametrize("what", list(BAD_MESHES))
def test_bad_meshes_are_named(what: str, backend: str) -> None:
    name, spoil, error, message = BAD_MESHES[what]
    mesh, camera = random_scene(1)
    bad = with_field(mesh, name, spoil(getattr(mesh, name)))
    with pytest.raises(error, match=message):
        render_exposure(bad, camera, RenderSettings(backend=backend))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value", "error", "message"),
    [
        ("height", -4, InputError, r"camera\.height is -4"),
        ("width", 0, InputError, r"camera\.width is 0"),
        ("focal", torch.ones(7, 2), ShapeError, r"camera\.focal has shape \(7, 2\)"),
        ("principal_point", torch.ones(3), ShapeError, r"camera\.principal_point has shape"),
    ],
)
def test_bad_cameras_are_named(
    name: str, value: int | Tensor, error: type[Exception], message: str
) -> None:
    mesh, camera = random_scene(1)
    with pytest.raises(error, match=message):
        render_exposure(mesh, with_field(camera, name, value))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mode": "soft"}, r"mode must be one of coverage, contour, dibr, got 'soft'"),
        ({"backend": "fog"}, r"backend must be one of auto, torch, numba, warp, kaolin, got 'fog'"),
        ({"num_threads": 0}, r"num_threads must be .*, got 0"),
        ({"num_threads": True}, r"num_threads must be .*, got True"),
        ({"knum": -1}, r"knum must be .*, got -1"),
        ({"sigmainv": 0.0}, r"sigmainv must be .*, got 0"),
        ({"boxlen": float("nan")}, r"boxlen must be .*, got nan"),
        ({"contour_sigma_px": float("inf")}, r"contour_sigma_px must be .*, got inf"),
    ],
)
def test_bad_settings_are_named(changes: dict[str, object], message: str) -> None:
    settings = RenderSettings()
    for name, value in changes.items():
        object.__setattr__(settings, name, value)
    with pytest.raises(InputError, match=message):
        settings.__post_init__()


def test_kaolin_absent_is_named() -> None:
    try:
        import kaolin  # noqa: F401
    except ImportError:
        mesh, camera = tilted_square()
        with pytest.raises(InputError, match=r"kaolin.*not installed"):
            render_exposure(mesh, camera, RenderSettings("dibr", "kaolin"))
    else:
        pytest.skip("kaolin is installed")


def test_numba_off_the_cpu_is_named() -> None:
    mesh, camera = tilted_square()
    meta = replace(mesh, verts=mesh.verts.to("meta"), texture=mesh.texture.to("meta"))
    with pytest.raises(InputError, match=r"renders on the CPU, but mesh\.verts is on meta"):
        render_exposure(meta, camera, RenderSettings(backend="numba"))
