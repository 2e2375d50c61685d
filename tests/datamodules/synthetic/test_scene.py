"""Drawn scenes: blur, light, noise, truth, several photos."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.mocap.files import iterate_mocap
from datamodules.synthetic.data_module import make_sample
from datamodules.synthetic.movement.mocap_action import random_mocap_action
from datamodules.synthetic.protocol import Recipe, plan_in_bin
from datamodules.synthetic.scene import draw_scene, make_scene
from datamodules.synthetic.shot import SyntheticSettings
from hfb.body import load_body
from hfb.formation import BLUR_RATE_BINS, linear_to_srgb, srgb_to_linear
from hfb.geometry import project
from hfb.structures import BodyParams

SMALL = SyntheticSettings(
    height=160, width=128, num_subframes=32, num_truth=16, blur_rate=(0.2, 0.6)
)


@pytest.fixture(scope="module")
def scenes():
    return [make_scene(SMALL, seed, keep_sharp=True) for seed in (1, 2, 3)]


@dataclass
class StandingStill:
    """A motion source without motion."""

    name: str = "still"
    duration: float = 1.0
    focus: tuple[float, float] = (0.4, 0.6)

    def window(self, body, betas, times):
        rotmat = torch.eye(3).expand(len(times), 24, 3, 3)
        return rotmat, torch.tensor([0.0, 1.0, 0.0]).expand(len(times), 3)


def test_equal_seeds_give_equal_samples_and_others_differ(scenes):
    again = make_sample(SMALL, 1)
    first, other = scenes[0].sample, scenes[1].sample
    assert again.sample_id == first.sample_id
    assert torch.equal(again.blurry, first.blurry)
    assert torch.equal(again.background, first.background)
    assert torch.equal(again.target.joints, first.target.joints)
    assert (first.blurry - other.blurry).abs().mean() > 0.02
    assert (first.target.betas - other.target.betas).abs().max() > 0.1
    assert not torch.equal(first.camera.focal, other.camera.focal)


def test_blur_rate_is_equation_12_and_within_the_wanted_range(scenes):
    for scene in scenes:
        silhouettes = scene.sample.target.silhouettes[0].numpy()
        union = np.zeros_like(silhouettes[0])
        for silhouette in silhouettes:
            union |= silhouette
        assert scene.sample.blur_rate == pytest.approx(union.sum() / silhouettes[0].sum() - 1)
        assert 0.17 < scene.sample.blur_rate < 0.63


def test_blurry_image_is_the_linear_light_composite_up_to_noise(scenes):
    for scene in scenes:
        expected = (1 - scene.exposure.alpha) * scene.background + scene.exposure.rgb
        taken = srgb_to_linear(scene.sample.blurry[0])
        inside = (expected > 0.02) & (expected < 0.9)
        # 8-bit steps of the sRGB curve in linear light, uniformly distributed.
        step = (srgb_to_linear(scene.sample.blurry[0] + 1 / 255) - taken) / 12**0.5
        sigma = (scene.sensor.noise_sigma(expected) ** 2 + step**2).sqrt()
        score = ((taken - expected) / sigma)[inside]
        assert score.mean().abs() < 0.02
        assert score.std() == pytest.approx(1.0, abs=0.03)


def test_averaging_is_in_linear_light_not_in_srgb(scenes):
    scene = scenes[0]
    straight = scene.exposure.rgb / scene.exposure.alpha.clamp(min=1e-6)
    alpha = scene.exposure.alpha
    encoded = (1 - alpha) * linear_to_srgb(scene.background) + alpha * linear_to_srgb(straight)
    mixed = ((alpha > 0.3) & (alpha < 0.7)).expand_as(encoded)
    taken = scene.sample.blurry[0]
    linear = linear_to_srgb((1 - alpha) * scene.background + scene.exposure.rgb)
    assert (taken - linear)[mixed].square().mean() < 0.5 * (taken - encoded)[mixed].square().mean()


def test_background_is_the_scene_without_the_person(scenes):
    for scene in scenes:
        free = (scene.exposure.alpha == 0).expand(3, -1, -1)
        gap = (scene.sample.background - scene.sample.blurry[0])[free]
        assert gap.abs().mean() < 0.03
        assert scene.sample.alpha is None


def test_alpha_is_the_mean_of_the_true_silhouettes(scenes):
    for scene in scenes:
        alpha = scene.exposure.alpha[0]
        assert alpha.min() >= 0
        assert alpha.max() <= 1
        mean = scene.sample.target.silhouettes[0].float().mean(0)
        assert (alpha - mean).abs().mean() < 0.006
        assert alpha.sum() == pytest.approx(float(mean.sum()), rel=0.02)


def test_standing_still_gives_the_sharp_image():
    settings = replace(SMALL, blur_rate=(0.0, 0.0))
    scene = make_scene(settings, 4, source=StandingStill(), keep_sharp=True)
    assert scene.sample.blur_rate == 0
    expected = (1 - scene.exposure.alpha) * scene.background + scene.exposure.rgb
    for sharp in scene.sharp:
        torch.testing.assert_close(expected, sharp, atol=1e-5, rtol=0)
    # Gaps of less than a pixel, between fingers for example, are all that is left.
    assert (_deep_inside(scene) < 0.99).float().mean() < 0.02
    moving = make_scene(replace(SMALL, blur_rate=(0.5, 0.6)), 4)
    assert (_deep_inside(moving) < 0.99).float().mean() > 0.15


def _deep_inside(scene):
    """Alpha where two pixels around are covered at some time: 1 unless something moves there."""
    alpha = scene.exposure.alpha
    free = (alpha == 0).float()
    near_free = torch.nn.functional.max_pool2d(free, 5, stride=1, padding=2)
    return alpha[near_free == 0]


def test_truth_is_consistent(scenes):
    body = load_body()
    for scene in scenes:
        sample, target = scene.sample, scene.sample.target
        assert target.joints.shape == (1, 16, 24, 3)
        params = BodyParams(target.betas[None], target.pose_rotmat[0], target.transl[0])
        torch.testing.assert_close(body.joints(params), target.joints[0], atol=1e-5, rtol=0)
        points = project(target.joints[0], sample.camera)
        assert (points > 0).all()
        assert (points[..., 0] < sample.camera.width).all()
        assert (points[..., 1] < sample.camera.height).all()
        opened, closed = (float(v) for v in sample.exposure[0])
        middles = opened + (torch.arange(16) + 0.5) / 16 * (closed - opened)
        torch.testing.assert_close(target.times[0], middles, atol=1e-6, rtol=0)
        rows = target.silhouettes[0].any(0).any(-1).nonzero()
        assert 0.3 < float(rows.max() - rows.min()) / sample.camera.height < 0.95


def test_light_stays_while_the_body_turns():
    """The lit side of a turning body changes: one texture cannot explain the image."""

    class Turning(StandingStill):
        def window(self, body, betas, times):
            rotmat, transl = super().window(body, betas, times)
            angle = 3.0 * times.float()
            turn = torch.eye(3).repeat(len(times), 1, 1)
            turn[:, 0, 0] = turn[:, 2, 2] = angle.cos()
            turn[:, 0, 2], turn[:, 2, 0] = angle.sin(), -angle.sin()
            return torch.cat([turn[:, None], rotmat[:, 1:]], dim=1), transl

    settings = replace(SMALL, exposure_s=(0.5, 0.5), blur_rate=(0.0, 5.0), max_attempts=1)
    scene = make_scene(settings, 5, source=Turning(), keep_sharp=True)
    chest = project(scene.sample.target.joints[0, :, 9:10], scene.sample.camera)[:, 0].mean(0)
    x, y = int(chest[0]), int(chest[1])
    first, last = (scene.sharp[k][:, y - 4 : y + 5, x - 4 : x + 5].mean() for k in (0, 2))
    assert abs(float(first - last)) > 0.005


def test_motion_capture_can_be_the_source(shared_data):
    clip = next(iterate_mocap(shared_data / "mocap"))
    source = random_mocap_action(clip, torch.Generator().manual_seed(0))
    assert source.name == "01_01"
    scene = make_scene(SMALL, 6, source=source)
    assert 0.17 < scene.sample.blur_rate < 0.63
    points = project(scene.sample.target.joints[0], scene.sample.camera)
    head, feet = points[:, 15, 1].mean(), points[:, 10:12, 1].mean()
    assert head < feet - 50  # upright in the image


@pytest.mark.parametrize(("num_frames", "gap"), [(2, 0.0), (4, 0.5)])
def test_several_photos_follow_each_other(recipe: Recipe, num_frames: int, gap: float) -> None:
    recipe = replace(recipe, num_frames=num_frames, gap=gap, bins=BLUR_RATE_BINS["table5"])
    plan = plan_in_bin(recipe, 0, 0)
    plan = replace(plan, settings=replace(plan.settings, subframe_hz=None, num_subframes=4))
    sample = draw_scene(plan).sample
    duration = float(sample.exposure[0, 1] - sample.exposure[0, 0])
    assert sample.blurry.shape == (num_frames, 3, 96, 80)
    opened = torch.arange(num_frames) * duration * (1 + gap)
    torch.testing.assert_close(sample.exposure[:, 0], opened, atol=1e-5, rtol=0)
    times = sample.target.times
    assert bool((times > sample.exposure[:, :1]).all())
    assert bool((times < sample.exposure[:, 1:]).all())
    assert sample.fps == pytest.approx(1 / (duration * (1 + gap)))
    # One motion: where one photo's truth ends the next begins, up to the gap.
    step = (sample.target.joints[:, 1:] - sample.target.joints[:, :-1]).norm(dim=-1).max()
    jump = (sample.target.joints[1:, 0] - sample.target.joints[:-1, -1]).norm(dim=-1).max()
    assert float(jump) <= float(step) * (1.5 + 24 * gap)


def test_folders_of_photographs_and_textures(recipe: Recipe, tmp_path: Path) -> None:
    """SURREAL's layout, and any images as backgrounds."""
    for sex, colour in (("male", (200, 30, 30)), ("female", (200, 30, 30))):
        folder = tmp_path / "textures" / sex
        folder.mkdir(parents=True)
        Image.new("RGB", (64, 64), colour).save(folder / f"nongrey_{sex}_0001.jpg")
    (tmp_path / "photos" / "train").mkdir(parents=True)
    Image.new("RGB", (50, 90), (20, 60, 220)).save(tmp_path / "photos" / "train" / "h_1.jpg")
    recipe = replace(
        recipe, texture_folder=tmp_path / "textures", background_folder=tmp_path / "photos"
    )
    plan = plan_in_bin(recipe, 1, 0)
    plan = replace(plan, settings=replace(plan.settings, subframe_hz=None, num_subframes=4))
    scene = draw_scene(plan, sample_id="x")
    assert scene.outfit.startswith("nongrey_")
    assert "male_0001" in scene.sample.source
    blue = scene.sample.background.mean((1, 2)) * 255
    torch.testing.assert_close(blue, torch.tensor([20.0, 60.0, 220.0]), atol=4.0, rtol=0)
    red, green, _ = (scene.exposure.rgb.sum((1, 2)) / scene.exposure.alpha.sum()).tolist()
    assert red > 5 * green
