import math

import pytest
import torch
import trimesh

from hfb.errors import InputError
from hfb.geometry import project
from hfb.render import render
from hfb.structures import Camera, Mesh
from hfb.viz import face_texture, novel_view, shaded_mesh, time_colours


@pytest.fixture
def sphere() -> Mesh:
    """Radius 0.5 m, 3 m before the camera, at two times."""
    ball = trimesh.creation.icosphere(subdivisions=4, radius=0.5)
    verts = torch.tensor(ball.vertices, dtype=torch.float32) + torch.tensor([0.0, 0.0, 3.0])
    faces = torch.tensor(ball.faces)
    moved = verts + torch.tensor([0.2, 0.0, 0.0])
    uv = torch.zeros(1, 2)
    return Mesh(
        torch.stack([verts, moved]), faces, uv, torch.zeros_like(faces), torch.zeros(3, 2, 2)
    )


def test_shading_is_what_the_renderer_shows(sphere: Mesh) -> None:
    """Lit from the left: the rendered sphere is bright on the left, by Lambert's closed form."""
    lit = shaded_mesh(sphere, colour=torch.ones(3), light=(-1.0, 0.0, 0.0))
    camera = Camera(torch.tensor([300.0, 300.0]), torch.tensor([64.0, 64.0]), 128, 128)
    layers = render(lit, camera)
    row = layers.rgb[0, 0, 64]
    # the ray through column x meets the sphere at a point with normal (sin, 0, -cos)
    for column in (30, 45, 64, 80, 98):
        slope = (column + 0.5 - 64) / 300
        depth = (3 - math.sqrt(9 - (1 + slope**2) * (9 - 0.25))) / (1 + slope**2)
        cosine = -slope * depth / 0.5
        expected = 0.4 + 0.6 * (0.5 + 0.5 * cosine) ** 2
        assert float(row[column]) == pytest.approx(expected, abs=0.03)


def test_shaded_mesh_takes_the_sub_frame(sphere: Mesh) -> None:
    assert torch.equal(shaded_mesh(sphere, 1).verts, sphere.verts[1:])


def test_face_texture_lookup_gives_the_face_colour() -> None:
    colours = torch.rand(7, 3)
    texture, uv = face_texture(colours)
    assert texture.shape == (3, 3, 3)
    # bilinear lookup by torch itself: x right, y down in [-1, 1]
    grid = torch.stack([2 * uv[:, 0] - 1, 1 - 2 * uv[:, 1]], dim=-1)[None, None]
    found = torch.nn.functional.grid_sample(texture[None], grid, align_corners=False)[0, :, 0].T
    torch.testing.assert_close(found, colours, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(100, 100), (80, 200)])
@pytest.mark.parametrize("azimuth", [0.0, 60.0, 180.0])
def test_novel_view_frames_all_sub_frames(
    sphere: Mesh, azimuth: float, height: int, width: int
) -> None:
    view = novel_view(sphere.verts, height, width, azimuth_deg=azimuth)
    pixels = project(view.verts, view.camera).reshape(-1, 2)
    low, high = pixels.amin(dim=0), pixels.amax(dim=0)
    size = torch.tensor([float(width), float(height)])
    torch.testing.assert_close((low + high) / 2, size / 2, rtol=0, atol=0.05)
    assert float(((high - low) / size).max()) == pytest.approx(0.9, abs=1e-3)


def test_novel_view_is_a_rigid_motion(sphere: Mesh) -> None:
    view = novel_view(sphere.verts, 64, 64, azimuth_deg=37.0, elevation_deg=21.0)
    before = torch.cdist(sphere.verts[0, :50], sphere.verts[1, :50])
    after = torch.cdist(view.verts[0, :50], view.verts[1, :50])
    torch.testing.assert_close(after, before, rtol=0, atol=1e-4)


def test_the_side_view_of_a_pitched_camera_stands_upright() -> None:
    """A pole that leans away in the frame of a camera that looks down is drawn upright."""
    height = torch.linspace(0.0, 1.0, 20)[:, None]
    up = torch.tensor([0.0, -0.8, -0.6])
    pole = (torch.tensor([0.0, 0.5, 4.0]) + height * up)[None]
    level = novel_view(pole, 100, 100, elevation_deg=0.0, up=up).verts[0]
    leaning = novel_view(pole, 100, 100, elevation_deg=0.0).verts[0]
    assert float(level[:, [0, 2]].std(0).max()) < 1e-5
    assert float(leaning[:, 0].std()) > 0.1


def test_camera_walks_left_and_climbs() -> None:
    """What was near the old camera appears on the right, seen from the left; below, from above."""
    verts = torch.tensor([[[0.0, 0, 2.0], [0, 0, 4.0], [0, -1, 3.0], [0, 1, 3.0]]])  # near, far
    side = novel_view(verts, 100, 100, azimuth_deg=60.0, elevation_deg=0.0)
    near, far = project(side.verts, side.camera)[0, :2]
    assert near[0] > far[0] + 10
    above = novel_view(verts, 100, 100, azimuth_deg=0.0, elevation_deg=30.0)
    near, far = project(above.verts, above.camera)[0, :2]
    assert near[1] > far[1] + 10  # y is down


def test_novel_view_needs_finite_vertices() -> None:
    with pytest.raises(InputError, match="vertices that are finite"):
        novel_view(torch.full((1, 3, 3), float("nan")), 10, 10)


def test_time_colours_run_from_blue_to_yellow() -> None:
    colours = time_colours(5)
    assert colours[0].argmax() == 2
    assert colours[-1].argmax() == 0
    assert colours[-1, 1] > colours[-1, 2]
    assert time_colours(1).shape == (1, 3)
