"""Light, cameras and backgrounds: each ingredient against what its numbers say."""

import numpy as np
import pytest
import torch
from torch import Tensor

from datamodules.synthetic.sensor import Sensor
from datamodules.synthetic.wild.camera import Compression, RealCamera, ToneCurve, shifted
from datamodules.synthetic.wild.plate import stirred
from datamodules.synthetic.wild.settings import Mix
from datamodules.synthetic.wild.shadows import Receivers, ShadowLight, transmittance
from hfb.formation import linear_to_srgb, srgb_to_linear


def _levels(values: Tensor) -> Tensor:
    """Standard deviation of the rounding to 8 bits, in linear light."""
    return (srgb_to_linear(values + 1 / 255) - srgb_to_linear(values)) / 12**0.5


def _scores(taken: Tensor, expected: Tensor, sensor: Sensor, frames: int = 1) -> Tensor:
    """How many standard deviations of noise and rounding an image is off."""
    sigma = (sensor.noise_sigma(expected) ** 2 / frames + _levels(taken) ** 2).sqrt()
    usable = (expected > 0.02) & (expected < 0.85)
    return ((srgb_to_linear(taken) - expected) / sigma)[usable]


def test_shadow_darkens_the_background_and_nothing_else(draw) -> None:
    plain, scene = draw(), draw("shadow")
    left, alpha = scene.transmittance, scene.exposure.alpha
    assert torch.equal(plain.exposure.alpha, alpha)
    assert torch.equal(plain.exposure.rgb, scene.exposure.rgb)
    # Darker than the background alone, never lighter, and by no more than was drawn.
    assert bool((left <= 1 - alpha + 1e-5).all())
    drawn = scene.details["shadow"]
    free = (alpha == 0).expand_as(left)
    assert float(left[free].min()) >= 1 - 0.9
    assert float(left[free].min()) < 1 - 0.3 * drawn["lamp"]
    assert float((left[free] < 0.97).float().mean()) > 0.005
    light = left * scene.background + scene.exposure.rgb
    score = _scores(scene.sample.blurry[0], light, scene.sensor)
    assert float(score.mean().abs()) < 0.06
    assert float(score.std()) == pytest.approx(1.0, abs=0.06)
    # The background's own photo knows nothing of it.
    assert torch.equal(plain.sample.background, scene.sample.background)


def _ball(height: float, radius: float) -> tuple[Tensor, Tensor]:
    """Vertices and outward faces of a ball above the origin."""
    turns, tilts = np.linspace(0, 2 * np.pi, 33)[:-1], np.linspace(0, np.pi, 17)
    verts = np.array(
        [[np.sin(t) * np.cos(a), np.cos(t), np.sin(t) * np.sin(a)] for t in tilts for a in turns]
    )
    faces = []
    for i in range(16):
        for j in range(32):
            a, b = 32 * i + j, 32 * i + (j + 1) % 32
            faces += [[a, a + 32, b + 32], [a, b + 32, b]]
    triangles = torch.tensor(faces)
    points = torch.from_numpy(verts).float()
    across = torch.linalg.cross(
        points[triangles[:, 1]] - points[triangles[:, 0]],
        points[triangles[:, 2]] - points[triangles[:, 0]],
    )
    inward = (across * points[triangles].mean(1)).sum(-1) < 0
    triangles[inward] = triangles[inward].flip(1)
    return radius * points + torch.tensor([0.0, height, 0.0]), triangles


def test_a_ball_s_shadow_lies_where_geometry_says() -> None:
    verts, faces = _ball(1.0, 0.3)
    side = torch.linspace(-2.5, 1.5, 161)
    x, z = torch.meshgrid(side, side, indexing="ij")
    points = torch.stack([x, torch.zeros_like(x), z], dim=-1).reshape(-1, 3)
    up = torch.tensor([0.0, 1.0, 0.0]).expand_as(points)
    ground = Receivers(torch.arange(len(points)), points, up, 161, 161)
    towards = torch.tensor([1.0, 1.0, 0.0]) / 2**0.5
    sun = ShadowLight(
        towards, towards[None], torch.tensor([[0.0, 1.0, 0.0]]), 0.6, 0.0, 0.5**0.5, 0.0
    )
    tint = torch.tensor([1.1, 1.0, 0.9])
    nobody = [torch.zeros(161, 161)]
    left = transmittance(verts[None], faces, nobody, ground, sun, tint)
    # A lamp 45 degrees high moves the shadow by the ball's height; the ellipse is r by r·√2.
    core = 1 - left[:, (side + 1.0).abs().argmin(), side.abs().argmin()]
    torch.testing.assert_close(core, 0.6 * tint, atol=1e-3, rtol=0)
    dark = left[1] < 0.7
    area = float(dark.sum()) * float(side[1] - side[0]) ** 2
    assert area == pytest.approx(np.pi * 0.3**2 * 2**0.5, rel=0.08)
    middle = (points.reshape(161, 161, 3) * dark[..., None]).sum((0, 1)) / dark.sum()
    torch.testing.assert_close(middle, torch.tensor([-1.0, 0.0, 0.0]), atol=0.02, rtol=0)
    # Half covered by a person: half of it is left.
    half = transmittance(verts[None], faces, [torch.full((161, 161), 0.5)], ground, sun, tint)
    torch.testing.assert_close(half, 0.5 * left)
    # A wall between lamp and ball is not darkened.
    wall = Receivers(ground.pixels, points + towards * 2.0 + 2.0 * up, up, 161, 161)
    assert float(transmittance(verts[None], faces, nobody, wall, sun, tint).min()) == 1.0


@pytest.mark.parametrize("seed", [1, 2])
def test_gain_and_white_balance_are_found_in_the_background(draw, seed: int) -> None:
    plain, scene = draw(seed=seed), draw("exposure", seed=seed)
    drawn = scene.details["exposure"]
    assert torch.equal(plain.sample.background, scene.sample.background)
    free = scene.exposure.alpha[0] == 0
    # A gamma on encoded values is taken back first.
    photo = srgb_to_linear(scene.sample.blurry[0] ** (1 / drawn.get("gamma", 1.0)))[:, free]
    plate = srgb_to_linear(scene.sample.background)[:, free]
    for channel in range(3):
        usable = (plate[channel] < 0.75) & (photo[channel] < 0.9)
        one, other = plate[channel, usable], photo[channel, usable]
        found = float((one * other).sum() / (one * one).sum())
        assert found == pytest.approx(drawn["gain"][channel], abs=0.01)
        assert 0.8 < drawn["gain"][channel] < 1.2


def test_shake_is_a_shift_below_a_pixel(draw) -> None:
    from skimage.registration import phase_cross_correlation

    plain, scene = draw(), draw("shake")
    dx, dy = scene.details["shake"]["px"]
    assert 0.1 < np.hypot(dx, dy) < 0.7
    assert torch.equal(plain.sample.blurry, scene.sample.blurry)
    images = [srgb_to_linear(s.sample.background).mean(0).numpy() for s in (plain, scene)]
    window = np.outer(np.hanning(96), np.hanning(80))
    one, other = (window * (image - image.mean()) for image in images)
    found, _, _ = phase_cross_correlation(one, other, upsample_factor=50, normalization=None)
    np.testing.assert_allclose(found, [dy, dx], atol=0.1)


def test_shifts_are_exact_on_a_slope() -> None:
    y, x = torch.meshgrid(torch.arange(20.0), torch.arange(30.0), indexing="ij")
    image = (0.01 * x + 0.02 * y)[None]
    flow = torch.tensor([0.3, -0.4])[:, None, None].expand(2, 20, 30)
    moved = shifted(image, flow)
    expected = image + 0.003 - 0.008
    inside = (slice(None), slice(3, -3), slice(3, -3))
    torch.testing.assert_close(moved[inside], expected[inside], atol=1e-4, rtol=0)
    torch.testing.assert_close(shifted(image, 0 * flow), image, atol=1e-6, rtol=0)


def test_ghost_is_a_linear_mix_somewhere_else(draw) -> None:
    plain, scene = draw(), draw("ghost")
    assert torch.equal(plain.sample.blurry, scene.sample.blurry)
    share, (dx, dy) = scene.details["ghost"]["share"], scene.details["ghost"]["px"]
    assert 0.1 <= share <= 0.25
    expected = scene.background.clone()
    height, width = expected.shape[-2:]
    for row in range(height):
        for column in range(width):
            r, c = row - dy, column - dx
            if 0 <= r < height and 0 <= c < width:
                alpha = share * scene.exposure.alpha[:, r, c]
                expected[:, row, column] *= 1 - alpha
                expected[:, row, column] += share * scene.exposure.rgb[:, r, c]
    score = _scores(scene.sample.background, expected, scene.sensor, frames=8)
    assert float(score.mean().abs()) < 0.06
    assert float(score.std()) == pytest.approx(1.0, abs=0.06)
    assert float((expected - scene.background).abs().max()) > 0.02


def test_noise_has_the_level_that_was_drawn(draw) -> None:
    plain, scene = draw(), draw("noise")
    assert scene.sensor.noise_sigma(torch.tensor(0.2)) > 0.005
    expected = (1 - scene.exposure.alpha) * scene.background + scene.exposure.rgb
    score = _scores(scene.sample.blurry[0], expected, scene.sensor)
    assert float(score.std()) == pytest.approx(1.0, abs=0.05)
    assert float(score.mean().abs()) < 0.05
    weak = draw("noise", strength=0.5)
    assert weak.sensor.read_noise == pytest.approx(0.5 * scene.sensor.read_noise)
    assert weak.sensor.full_well == pytest.approx(4 * scene.sensor.full_well)
    assert plain.sensor.full_well != scene.sensor.full_well


def test_tone_curve_is_the_camera_s(draw) -> None:
    plain, scene = draw(), draw("tone", strength=2.0)
    curve = ToneCurve(**scene.details["tone"])
    for before, after in (
        (plain.sample.blurry, scene.sample.blurry),
        (plain.sample.background, scene.sample.background),
    ):
        # The plain image was rounded first: one step of the curve's slope, and half of its own.
        assert float((curve(before) - after).abs().max()) < 1.6 / 255
        assert float((before - after).abs().max()) > 2 / 255
    values = torch.linspace(0, 1, 256)
    for contrast in (-0.6, 0.8):
        bent = ToneCurve(1.1, contrast)(values)
        assert bool((bent.diff() > 0).all())
        assert bent[0] == 0
        assert bent[-1] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("codec", "level", "psnr"),
    [("jpeg", 95, 36), ("jpeg", 60, 27), ("h264", 20, 31), ("h264", 32, 24)],
)
def test_compression_errs_within_bounds(draw, codec: str, level: int, psnr: float) -> None:
    image = draw().sample.background[:, :95, :79]  # odd sides
    stored = Compression(codec, level)(image)
    assert stored.shape == image.shape
    error = float((stored - image).square().mean())
    assert 0 < error < 10 ** (-psnr / 10)
    torch.testing.assert_close(255 * stored, (255 * stored).round(), atol=1e-3, rtol=0)
    assert torch.equal(stored, Compression(codec, level)(image))


def test_compression_is_of_each_image_by_itself(draw) -> None:
    plain, scene = draw(), draw("compression")
    drawn = scene.details["compression"]
    compress = Compression(drawn["codec"], drawn["level"])
    assert torch.equal(scene.sample.blurry[0], compress(plain.sample.blurry[0]))
    assert torch.equal(scene.sample.background, compress(plain.sample.background))


def test_leaves_move_where_they_are() -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.nn.functional.avg_pool2d(torch.rand(3, 44, 54, generator=generator), 5, 1)
    mask = np.zeros((40, 50))
    mask[5:20, 10:40] = 1.0
    mix = Mix(1, {"leaves": 1.0})
    photo, plate = stirred(image, mask, mix, "photo", 3), stirred(image, mask, mix, "plate", 1)
    still = torch.from_numpy(mask == 0)
    torch.testing.assert_close(photo[:, still], image[:, still], atol=1e-6, rtol=0)
    moved = (photo - plate).abs()[:, ~still]
    assert 0.003 < float(moved.mean()) < 0.1
    assert stirred(image, None, mix, "photo", 3) is image


def test_plain_cameras_take_plain_photos() -> None:
    linear = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(1))
    sensor, seed = Sensor(2000.0, 0.003), torch.Generator
    camera = RealCamera.draw(Mix(1, {}), sensor)
    taken = camera.take(linear, seed().manual_seed(2))
    assert torch.equal(taken, sensor.expose(linear, seed().manual_seed(2)))
    clean = RealCamera(Sensor(1e9, 0.0), ToneCurve(1.1, 0.2))
    expected = ToneCurve(1.1, 0.2)(linear_to_srgb(linear))
    torch.testing.assert_close(clean.take(linear, seed()), expected, atol=0.6 / 255, rtol=0)
