"""Mode `dibr`: softness in pixels, at any resolution and on meshes of any density."""

from dataclasses import replace

import pytest
import torch
from render_scenes import tilted_square, uv_sphere
from torch import Tensor

from hfb.errors import InputError
from hfb.render import RenderSettings, hard_silhouettes, render_exposure
from hfb.render.rim import in_pixels, rim_offsets
from hfb.structures import Camera, Mesh


def _band(size: int, rows: int, settings: RenderSettings) -> float:
    """Width of the band that the mask adds around a sphere, px."""
    verts, faces, uv, faces_uv = uv_sphere(rows, 2 * rows)
    # About as large in the image as a body is in its crop.
    mesh = Mesh(0.27 * verts[None] + torch.tensor([0.0, 0.0, 4.0]), faces, uv, faces_uv, _white())
    focal = torch.full((2,), 2.6 * size)
    camera = Camera(focal, torch.full((2,), size / 2 + 0.21), size, size)
    added = render_exposure(mesh, camera, settings).alpha.sum()
    added = added - hard_silhouettes(mesh.verts, faces, camera).sum()
    radius = float(focal[0]) * 0.27 / (16 - 0.27**2) ** 0.5
    return float(added) / (2 * torch.pi * radius)


def _white() -> Tensor:
    return torch.ones(3, 2, 2)


@pytest.mark.parametrize("wanted", [0.3, 0.6])
def test_the_band_is_as_wide_as_wanted(wanted: float) -> None:
    widths = {}
    for size in (96, 256):
        for rows in (20, 60):  # 1,520 and 14,160 faces
            settings = RenderSettings("dibr", softness_px=wanted, num_threads=1)
            widths[size, rows] = _band(size, rows, settings)
    # The law is a body's; a sphere has fewer edges near its outline.
    assert all(0.65 * wanted < width < 1.35 * wanted for width in widths.values()), widths


def test_kaolins_numbers_widen_with_the_pixel_instead() -> None:
    small, large = (_band(size, 60, RenderSettings("dibr", num_threads=1)) for size in (96, 256))
    assert large > 1.8 * small


def test_settings_become_dibrs_own_numbers() -> None:
    plain = RenderSettings("dibr")
    assert in_pixels(plain, 13776, 96, 96) is plain
    coverage = RenderSettings(softness_px=0.5)
    assert in_pixels(coverage, 13776, 96, 96) is coverage
    soft = replace(plain, softness_px=0.75)
    found = {size: in_pixels(soft, 13776, size, size) for size in (96, 256)}
    sigmas = {size: size / 2 / own.sigmainv**0.5 for size, own in found.items()}
    assert 0.4 < sigmas[96] < sigmas[256] < 0.6  # fewer faces a pixel: softer alone
    assert found[96].knum > found[256].knum > 30
    assert all(own.softness_px is None for own in found.values())
    with pytest.raises(InputError, match=r"softness_px"):
        RenderSettings("dibr", softness_px=0.0)


def test_the_nearest_offsets_come_first_row_by_row() -> None:
    offsets = rim_offsets(RenderSettings("dibr", boxlen=0.1), 31, 20)
    distances = (offsets.astype(float) ** 2).sum(1)
    assert (distances[1:] >= distances[:-1]).all()
    assert offsets[:4].tolist() == [[-1, 0], [0, -1], [0, 1], [1, 0]]
    assert distances.max() >= 0.5 * 3.1**2  # a corner of a box around a face
    assert rim_offsets(RenderSettings("dibr", rim="black"), 31, 20).shape == (0, 2)


@pytest.mark.parametrize("backend", ["torch", "numba"])
def test_a_white_square_stays_white_at_its_rim(backend: str) -> None:
    mesh, camera = tilted_square()
    mesh = replace(mesh, texture=torch.ones_like(mesh.texture))
    for rim in ("nearest", "black"):
        settings = RenderSettings("dibr", backend, rim=rim, softness_px=0.5, num_threads=1)
        exposure = render_exposure(mesh, camera, settings)
        missing = (exposure.alpha - exposure.rgb[:1]).sum()
        assert (missing > 1.0) == (rim == "black"), missing
