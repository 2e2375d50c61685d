import doctest
import math

import numpy as np
import pytest
import roma
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import procrustes
from skimage.metrics import peak_signal_noise_ratio

from hfb.errors import InputError, ShapeError
from hfb.formation import linear_to_srgb
from hfb.metrics import functional
from hfb.metrics.functional import images, joints


def _joints(generator, *batch, num_times=6, num_joints=5):
    shape = (*batch, num_times, num_joints, 3)
    return torch.randn(shape, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("module", [joints, images])
def test_the_examples_in_the_docstrings(module):
    results = doctest.testmod(module)
    assert results.attempted > 3
    assert results.failed == 0


def test_mpjpe_is_numpys_mean_of_distances_in_mm(generator):
    preds, target = _joints(generator, 2), _joints(generator, 2)
    p, t = preds.numpy(), target.numpy()
    aligned = (p - p[..., :1, :]) - (t - t[..., :1, :])
    expected = 1000 * np.linalg.norm(aligned, axis=-1).mean((1, 2))
    np.testing.assert_allclose(functional.mpjpe(preds, target), expected)
    unaligned = 1000 * np.linalg.norm(p - t, axis=-1).mean((1, 2))
    np.testing.assert_allclose(functional.mpjpe(preds, target, root=None), unaligned)


def test_mpjpe_ignores_where_the_root_is_and_hips_can_be_the_root(generator):
    target = _joints(generator)
    moved = target + torch.randn(6, 1, 3, dtype=torch.float64, generator=generator)
    assert float(functional.mpjpe(moved, target)) == pytest.approx(0, abs=1e-9)
    assert float(functional.mpjpe(moved, target, root=(1, 2))) == pytest.approx(0, abs=1e-9)
    hips = functional.align_root(target, (1, 2))
    torch.testing.assert_close(hips[:, 1], -hips[:, 2])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**20), scale=st.floats(0.2, 5.0))
def test_pa_mpjpe_ignores_similarity_transforms(seed, scale):
    generator = torch.Generator().manual_seed(seed)
    preds, target = _joints(generator, 2), _joints(generator, 2)
    rotmat = roma.random_rotmat(1, dtype=torch.float64, generator=generator)[0]
    moved = scale * preds @ rotmat.T + 3.0
    torch.testing.assert_close(
        functional.pa_mpjpe(moved, target), functional.pa_mpjpe(preds, target)
    )


def test_pa_mpjpe_agrees_with_scipy_where_no_mirror_is_needed(generator):
    target = _joints(generator, num_times=1, num_joints=9)
    noise = 0.3 * torch.randn(target.shape, dtype=torch.float64, generator=generator)
    preds = target + noise
    unit_target, unit_preds, _ = procrustes(target[0].numpy(), preds[0].numpy())
    norm = float(torch.linalg.matrix_norm(target[0] - target[0].mean(0)))
    expected = 1000 * norm * np.linalg.norm(unit_target - unit_preds, axis=1).mean()
    assert float(functional.pa_mpjpe(preds, target)) == pytest.approx(expected, rel=1e-9)


def test_best_direction_takes_the_better_one_per_sample(generator):
    target = _joints(generator, 2)
    preds = target.clone()
    preds[1] = target[1].flip(0)
    fixed = functional.mpjpe(preds, target)
    assert fixed[0] == 0
    assert fixed[1] > 100
    assert functional.best_direction_mpjpe(preds, target).tolist() == [0.0, 0.0]


def test_best_direction_never_exceeds_fixed_and_gives_nothing_to_rest(generator):
    target, preds = _joints(generator, 8), _joints(generator, 8)
    best = functional.best_direction_mpjpe(preds, target)
    assert (best <= functional.mpjpe(preds, target)).all()
    rest = preds[:, :1].expand_as(preds)
    torch.testing.assert_close(
        functional.best_direction_mpjpe(rest, target), functional.mpjpe(rest, target)
    )


@pytest.mark.parametrize(("num_times", "middle"), [(5, [2]), (6, [2, 3]), (1, [0])])
def test_mid_exposure_takes_the_middle_and_ignores_direction(num_times, middle, generator):
    target, preds = (_joints(generator, 2, num_times=num_times) for _ in range(2))
    expected = functional.mpjpe(preds[:, middle], target[:, middle])
    torch.testing.assert_close(functional.mid_exposure_mpjpe(preds, target), expected)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**20))
def test_direction_score_tells_which_order_has_the_smaller_squared_error(seed):
    generator = torch.Generator().manual_seed(seed)
    preds, target = _joints(generator), _joints(generator)
    aligned = [functional.align_root(j) for j in (preds, target)]
    forward = (aligned[0] - aligned[1]).square().sum()
    backward = (aligned[0].flip(0) - aligned[1]).square().sum()
    score = functional.direction_score(preds, target)
    assert bool(score > 0) == bool(forward < backward)
    torch.testing.assert_close(functional.direction_score(preds.flip(0), target), -score)
    assert abs(float(score)) <= 1


def _swing(amount_m, num_times=8):
    """One joint of two moves in a straight line by `amount_m`."""
    path = torch.zeros(num_times, 2, 3, dtype=torch.float64)
    path[:, 1, 0] = 1 + torch.linspace(0, amount_m, num_times, dtype=torch.float64)
    return path


def test_direction_counts_only_where_the_true_path_is_long_enough():
    long, short = _swing(0.1), _swing(0.01)
    assert float(functional.path_length(long)) == pytest.approx(50.0)  # mean over two joints
    assert functional.direction_correct(long, long) is True
    assert functional.direction_correct(long.flip(0), long) is False
    assert functional.direction_correct(short, short) is None
    assert functional.direction_correct(short, short, min_path_mm=1.0) is True
    assert functional.direction_correct(long[:1].expand(8, 2, 3), long) is None


def test_path_length_of_the_whole_body_is_seen_in_the_camera_frame_only():
    path = _swing(0.0) + torch.linspace(0, 0.3, 8, dtype=torch.float64)[:, None, None]
    assert float(functional.path_length(path)) == pytest.approx(0.0, abs=1e-9)
    assert float(functional.path_length(path, root=None)) == pytest.approx(300 * math.sqrt(3))


def test_silhouette_iou_is_the_mean_over_subframes_not_of_the_union():
    preds, target = torch.zeros(1, 2, 2, 4, dtype=torch.bool), torch.zeros(1, 2, 2, 4).bool()
    preds[0, 0, 0], target[0, 0, :, :2] = True, True  # 4 and 4 pixels, 2 in common
    preds[0, 1], target[0, 1] = True, True
    assert functional.silhouette_iou(preds, target).tolist() == pytest.approx([(2 / 6 + 1) / 2])
    assert functional.silhouette_iou(preds & False, target & False).tolist() == [1.0]


def test_reblur_psnr_is_skimages_in_linear_light(generator):
    preds, target = torch.rand(2, 3, 7, 9, dtype=torch.float64, generator=generator)
    expected = peak_signal_noise_ratio(target.numpy(), preds.numpy(), data_range=1.0)
    linear = functional.reblur_psnr(preds, target, colour="linear")
    assert float(linear) == pytest.approx(expected)
    encoded = functional.reblur_psnr(linear_to_srgb(preds), linear_to_srgb(target))
    assert float(encoded) == pytest.approx(expected)
    cut = (slice(None), slice(1, 5), slice(2, 8))
    boxed = functional.reblur_psnr(preds, target, box=(1, 5, 2, 8), colour="linear")
    expected = peak_signal_noise_ratio(target[cut].numpy(), preds[cut].numpy(), data_range=1.0)
    assert float(boxed) == pytest.approx(expected)


def test_errors_say_what_does_not_fit(generator):
    target = _joints(generator)
    with pytest.raises(ShapeError, match="must have the same shape: evaluate both at the same"):
        functional.mpjpe(target.expand(2, 6, 5, 3), target)
    image = torch.zeros(3, 4, 4)
    with pytest.raises(InputError, match="holds no pixel"):
        functional.reblur_psnr(image, image, box=(3, 3, 0, 4))
    with pytest.raises(InputError, match="colour='rgb'"):
        functional.reblur_psnr(image, image, colour="rgb")
