"""Shape from Blur and Motion from Blur on objects that they are made for."""

from dataclasses import replace

import pytest
import torch
from rigid_scenes import THREAD, rigid_scene, scene_iou

from hfb.baselines import MfbRecipe, SfbRecipe, build_object_problem, estimate_object
from hfb.baselines.objects.fit import image_counts, object_weights
from hfb.baselines.objects.start import start_path
from hfb.errors import InputError, NoPersonError, ShapeError
from hfb.losses import weighted_sum

QUICK = {"image_size": 64, "num_subframes": 6, "texture_size": 48}


def _problem(scene, recipe, masks=None):
    size, margin = recipe.image_size, recipe.crop_margin
    return build_object_problem(scene.sample, scene.alpha, size, margin, masks=masks)


@pytest.mark.parametrize(("name", "seed"), [("sphere", 0), ("torus", 1)])
def test_shape_from_blur_finds_a_flying_object(name, seed):
    scene = rigid_scene(name, seed)
    recipe = replace(SfbRecipe(), num_steps=60, prototypes=[name], offsets=[True], **QUICK)
    estimate = estimate_object(_problem(scene, recipe), recipe, THREAD)
    assert scene_iou(estimate, scene) > 0.9


def test_motion_from_blur_finds_a_torus_in_two_photos():
    scene = rigid_scene("torus", 0, num_frames=2)
    recipe = replace(
        MfbRecipe(), num_steps=80, image_step=20, prototypes=["torus"], offsets=[False], **QUICK
    )
    problem = _problem(scene, recipe)
    steps = []
    estimate = estimate_object(problem, recipe, THREAD, steps.append)
    assert steps == list(range(1, 81))
    assert scene_iou(estimate, scene) > 0.9
    # One object explains both photos.
    assert len(estimate.parts) == 1


def test_given_silhouettes_tell_the_direction():
    scene = rigid_scene("sphere", 3)
    recipe = replace(SfbRecipe(), num_steps=40, prototypes=["sphere"], offsets=[False], **QUICK)
    for reverse in (False, True):
        truth = scene.silhouettes.flip(1) if reverse else scene.silhouettes
        masks = truth[:, 2::4, None].float()  # the mid-points of six equal parts
        estimate = estimate_object(_problem(scene, recipe, masks), recipe, THREAD)
        times = scene.times
        seen = estimate.silhouettes(0, times, *scene.alpha.shape[-2:])
        both = (seen & truth[0]).sum((-2, -1)) / (seen | truth[0]).sum((-2, -1))
        assert both.mean() > 0.85


@pytest.mark.parametrize("name", ["sphere", "torus"])
@pytest.mark.parametrize("num_frames", [1, 2])
def test_the_start_moves_as_the_object_does(name, num_frames):
    scene = rigid_scene(name, 2, num_frames)
    problem = _problem(scene, SfbRecipe())
    path = start_path(problem)
    first, last = (
        torch.nonzero(mask).float().mean(0)
        for mask in (scene.silhouettes[0, 0], scene.silhouettes[-1, -1])
    )
    # Rows downwards to y upwards; the objects' plane is 5/focal units a crop pixel.
    displacement = torch.stack([(last - first)[1], -(last - first)[0]])
    scale = problem.box.size / problem.size * 1.207 * problem.size / 5
    found = (path[1] - path[0])[:2] * scale
    if num_frames == 1 and float(found @ displacement) < 0:
        found = -found
    assert (found - displacement).norm() < 0.15 * displacement.norm()


def _losses(image, silhouette=0.2):
    values = {"silhouette": silhouette, "image": image, "texture": 0.5, "laplacian": 0.01}
    return {name: torch.tensor([value]) for name, value in values.items()}


def _energy(losses, recipe, step):
    return float(weighted_sum(losses, object_weights(losses, recipe, step)))


def test_schedule_of_shape_from_blur():
    recipe = SfbRecipe()
    assert _energy(_losses(0.3), recipe, 0) == pytest.approx(0.2 + 0.3 + 0.5 + 10.0)
    full = replace(recipe, image_size=240)
    sides = [full.erosion_px(step) for step in (0, 98, 99, 199, 299, 499)]
    assert sides == [3, 3, 5, 7, 11, 11]
    assert recipe.erosion_px(499) == 2 * round(5 * 128 / 240) + 1


def test_schedule_of_motion_from_blur():
    recipe = MfbRecipe()
    far, near = _losses(0.3, silhouette=0.4), _losses(0.3, silhouette=0.2)
    assert not image_counts(far, recipe, 99).item()
    assert image_counts(near, recipe, 0).item()
    assert image_counts(far, recipe, 100).item()
    base = 0.4 + 0.5
    assert _energy(far, recipe, 0) == pytest.approx(base + 100.0)
    assert _energy(far, recipe, 300) == pytest.approx(base + 0.3 + 30.0)
    good = _losses(0.04, silhouette=0.4)
    assert _energy(good, recipe, 300) == pytest.approx(base + 0.04 + 10.0)
    full = replace(recipe, image_size=240)
    assert [full.erosion_px(step) for step in (0, 99, 100, 300)] == [1, 1, 3, 5]


def test_results_are_the_same_again():
    scene = rigid_scene("sphere", 0)
    recipe = replace(SfbRecipe(), num_steps=4, **(QUICK | {"image_size": 32}))
    losses = [
        estimate_object(_problem(scene, recipe), recipe, THREAD).parts[0].loss for _ in range(2)
    ]
    assert losses[0] == losses[1]


def test_faults():
    scene = rigid_scene("sphere", 0)
    with pytest.raises(NoPersonError):
        build_object_problem(scene.sample, torch.zeros_like(scene.alpha), 32, 0.25)
    with pytest.raises(ShapeError, match="do not fit the photos"):
        build_object_problem(scene.sample, scene.alpha[..., :50], 32, 0.25)
    with pytest.raises(InputError, match="num_steps must be a whole number from 1"):
        SfbRecipe(num_steps=0)
    with pytest.raises(InputError, match="at least one of prototypes"):
        SfbRecipe(prototypes=[])
    with pytest.raises(InputError, match=r"baselines\.texture must be .*got -1\.0"):
        MfbRecipe(texture=-1.0)
    with pytest.raises(InputError, match=r"baselines\.laplacian must be .*-3\.0"):
        MfbRecipe(laplacian=[1.0, -3.0, 1.0])
