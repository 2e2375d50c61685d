"""The texture by least squares, against the one that an image was made with and against Adam."""

from dataclasses import replace

import pytest
import torch

from hfb.body import load_texture, texture_names
from hfb.formation import composite_exposure, linear_to_srgb, srgb_to_linear
from hfb.motion import evaluate
from hfb.refine.texture_solve import solve_texture
from hfb.render import RenderSettings, render_exposure
from hfb.structures import BodyParams, Mesh

SETTINGS = RenderSettings(num_threads=1)


@pytest.fixture
def scene(known):
    """A resting body with a true texture, and the photo of it."""
    pose, transl = evaluate(known.truth, torch.tensor([0.5]))
    verts = known.body(BodyParams(torch.zeros(1, 1, 10), pose, transl)).verts
    texture = srgb_to_linear(load_texture(texture_names()[1]))[None]
    body = known.body
    mesh = Mesh(verts, body.faces, body.uv, body.faces_uv, texture)
    camera, background = known.problem.camera, known.problem.background
    return mesh, camera, shown(mesh, camera, background), background


def shown(mesh, camera, background):
    """The photo of a mesh whose texture is linear."""
    exposure = render_exposure(mesh, camera, SETTINGS)
    return linear_to_srgb(composite_exposure(exposure, srgb_to_linear(background)))


def error_of(mesh, camera, photo, background, texture) -> float:
    found = shown(replace(mesh, texture=srgb_to_linear(texture)), camera, background)
    return float((found - photo).square().mean())


@pytest.mark.parametrize("size", [32, 64])
def test_explains_the_photo_as_well_as_many_steps_of_adam(scene, size: int) -> None:
    mesh, camera, photo, background = scene
    grey = torch.full((1, 3, size, size), 0.5)
    valid = torch.ones_like(photo[:, :1])
    solved = solve_texture(replace(mesh, texture=grey), camera, photo, background, valid, SETTINGS)
    texture = torch.full((1, 3, size, size), 0.5, requires_grad=True)
    optimizer = torch.optim.Adam([texture], lr=0.05)
    for _ in range(100):
        found = shown(replace(mesh, texture=srgb_to_linear(texture)), camera, background)
        optimizer.zero_grad()
        (found - photo).square().sum().backward()
        optimizer.step()
        with torch.no_grad():
            texture.clamp_(0.0, 1.0)
    adam = error_of(*scene, texture.detach())
    assert 0.0 <= float(solved.min()) <= float(solved.max()) <= 1.0
    assert error_of(*scene, solved) < 10**0.05 * adam  # half a decibel
    assert error_of(*scene, solved) < 0.2 * error_of(*scene, grey)


def test_pixels_that_do_not_count_do_not_count(scene) -> None:
    mesh, camera, photo, background = scene
    grey = torch.full((1, 3, 32, 32), 0.5)
    valid = torch.ones_like(photo[:, :1])
    valid[..., : photo.shape[-1] // 2] = 0.0
    spoiled = torch.where(valid > 0.5, photo, 1.0 - photo)
    texture = replace(mesh, texture=grey)
    one = solve_texture(texture, camera, photo, background, valid, SETTINGS)
    other = solve_texture(texture, camera, spoiled, background, valid, SETTINGS)
    torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)


def test_samples_of_a_batch_do_not_meet(scene) -> None:
    mesh, camera, photo, background = scene
    grey = torch.full((1, 3, 32, 32), 0.5)
    valid = torch.ones_like(photo[:, :1])
    alone = solve_texture(replace(mesh, texture=grey), camera, photo, background, valid, SETTINGS)
    two = Mesh(
        mesh.verts.repeat(2, 1, 1, 1), mesh.faces, mesh.uv, mesh.faces_uv, grey.repeat(2, 1, 1, 1)
    )
    both = solve_texture(
        two,
        camera.stack([camera.index(0), camera.index(0)]),
        torch.cat([photo, photo.flip(-1)]),
        background.repeat(2, 1, 1, 1),
        valid.repeat(2, 1, 1, 1),
        SETTINGS,
    )
    torch.testing.assert_close(both[:1], alone, atol=1e-4, rtol=1e-3)
