import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from hfb import assets
from hfb.body import load_body, load_texture
from hfb.errors import AssetNotFoundError, NoPersonError
from hfb.formation import composite_exposure, linear_to_srgb, srgb_to_linear
from hfb.geometry import default_camera, project, rotvec_to_rotmat
from hfb.init import BlazePoseInitialiser
from hfb.init.detect.without_background import lone_photo
from hfb.render import render_exposure
from hfb.structures import BodyParams, Mesh


@pytest.fixture(scope="module")
def initialiser():
    """Skips where the networks are neither in the cache nor can be fetched."""
    try:
        for name in assets.ASSETS:
            assets.find_asset(name)
    except AssetNotFoundError as error:
        pytest.skip(f"needs the BlazePose networks: {error}")
    return BlazePoseInitialiser(num_threads=1)


@pytest.fixture(scope="module")
def body():
    return load_body()


def background_image(height, width):
    noise = np.random.default_rng(0).uniform(size=(3, height, width))
    smooth = gaussian_filter(noise, (0, 12, 12))
    smooth = (smooth - smooth.min()) / np.ptp(smooth)
    return torch.from_numpy(0.35 + 0.4 * smooth).float()


@pytest.fixture(scope="module")
def scene(body):
    """A standing person with an arm raised, moving a little to the side during the exposure."""
    height, width, count = 320, 240, 6
    rotvec = torch.zeros(24, 3)
    names = body.joint_names
    rotvec[names.index("left_shoulder"), 2] = -1.1
    rotvec[names.index("right_shoulder"), 2] = 0.3
    rotvec[names.index("left_knee"), 0] = 0.3
    rotmat = rotvec_to_rotmat(rotvec)
    rotmat[0] = rotvec_to_rotmat(torch.tensor([torch.pi, 0.0, 0.0]))
    transl = torch.zeros(1, count, 3)
    transl[..., 0] = torch.linspace(-0.03, 0.03, count)
    transl[..., 2] = 3.6
    params = BodyParams(torch.zeros(1, 1, 10), rotmat.expand(1, count, 24, 3, 3), transl)
    posed = body(params)
    camera = default_camera(height, width)
    texture = srgb_to_linear(load_texture("striped_tee_jeans"))[None]
    mesh = Mesh(posed.verts, body.faces, body.uv, body.faces_uv, texture)
    background = background_image(height, width)
    with torch.no_grad():
        exposure = render_exposure(mesh, camera)
    image = composite_exposure(exposure, srgb_to_linear(background)[None])[0]
    return linear_to_srgb(image.clamp(0, 1)), background, camera, posed.joints[0].mean(0)


def test_a_rendered_person_is_found(initialiser, body, scene):
    image, background, camera, joints = scene
    estimate = initialiser(image, background, camera, body)
    assert len(estimate) >= 3
    assert (estimate.score.diff() <= 0).all()
    assert estimate.body == body.identity
    found = body.joints(estimate.params(0))
    error = (found - found[:1]) - (joints - joints[:1])
    # seen from the front, depth is the network's guess: it leans the torso by 20 cm at the head
    assert 1000 * error[:, :2].norm(dim=-1).mean() < 50
    assert 1000 * error.norm(dim=-1).mean() < 140
    pixels = (project(found, camera) - project(joints, camera)).norm(dim=-1)
    assert pixels.mean() < 6
    assert (found[0] - joints[0]).norm() < 0.5
    # the side-swapped twin looks the other way
    swapped = body.joints(estimate.params(1))
    across = found[1] - found[2]
    assert (across * (swapped[1] - swapped[2])).sum() < 0


def test_unknown_focal_lengths_are_reported(initialiser, body, scene, caplog):
    image, background, _, _ = scene
    with caplog.at_level("INFO"):
        estimate = initialiser(image, background, None, body)
    assert "assuming a focal length of 400 px" in caplog.text
    assert "focal assumed 400 px" in estimate.source


def test_a_rendered_person_is_found_without_a_background(initialiser, body, scene):
    image, background, camera, joints = scene
    lone = lone_photo(image, "photo")
    points = project(joints, camera).round().long()
    assert float(lone.alpha[0, points[:, 1], points[:, 0]].mean()) > 0.9
    assert float((lone.alpha > 0.5).float().mean()) < 0.3
    differs = (image - background).abs().amax(0) > 0.05
    hidden = (lone.known[0] < 1)[differs].float()
    assert float(hidden.mean()) > 0.97
    guess = initialiser(image, lone.scene, camera, body)
    found = body(guess.params(0)).joints
    error = (found - found[0] - joints + joints[0]).norm(dim=-1).mean()
    assert float(error) < 0.15


def test_the_networks_are_silent(initialiser, body, scene, capfd):
    image, background, camera, _ = scene
    BlazePoseInitialiser(num_threads=1)(image, background, camera, body)
    output = capfd.readouterr()
    assert output.out == ""
    assert output.err == ""


def test_no_person_says_what_to_try(initialiser, body, scene):
    _, background, camera, _ = scene
    with pytest.raises(NoPersonError, match=r"--data\.background.*--data\.estimate"):
        initialiser(background, background, camera, body)
    box = background.clone()
    box[:, 100:200, 60:160] = 0.0
    with pytest.raises(NoPersonError, match="does not look like one"):
        initialiser(box, background, camera, body)


def test_without_networks_nothing_is_loaded_before_it_is_needed(tmp_path, body, monkeypatch):
    monkeypatch.setenv("HFB_OFFLINE", "1")
    missing = BlazePoseInitialiser(detector_path=str(tmp_path / "absent.tflite"))
    background = torch.full((3, 64, 64), 0.5)
    with pytest.raises(NoPersonError):
        missing(background, background, None, body)
    image = background.clone()
    image[:, 10:50, 20:40] = 0
    with pytest.raises(AssetNotFoundError, match=r"absent\.tflite"):
        missing(image, background, None, body)
