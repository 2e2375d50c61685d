import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch.autograd import gradcheck

from hfb.errors import AssetNotFoundError, InputError
from hfb.prior import MixturePosePrior

SIZE = 69


def _mixture_file(path, generator):
    """Two Gaussians of 69 dimensions and the file that describes them."""
    covariances = []
    for _ in range(2):
        factor = generator.normal(size=(SIZE, SIZE)) * 0.1
        covariances.append(factor @ factor.T + 0.05 * np.eye(SIZE))
    means = generator.normal(size=(2, SIZE)) * 0.3
    weights = np.array([0.3, 0.7])
    # inverse(C) = W W^T with upper triangular W, from the Cholesky factor of C.
    factors = [np.linalg.inv(np.linalg.cholesky(c)).T for c in covariances]
    rows, columns = np.triu_indices(SIZE)
    np.savez(
        path, means=means, weights=weights, whiteners=np.stack([f[rows, columns] for f in factors])
    )
    return means, covariances, weights


def test_likelihood_is_scipys_mixture_density_up_to_a_constant(tmp_path):
    generator = np.random.default_rng(0)
    means, covariances, weights = _mixture_file(tmp_path / "pose_prior.npz", generator)
    poses = generator.normal(size=(5, SIZE)) * 0.4
    density = [
        np.log(w) + multivariate_normal(m, c).logpdf(poses)
        for m, c, w in zip(means, covariances, weights, strict=True)
    ]
    expected = -np.logaddexp(*density) / SIZE
    prior = MixturePosePrior(tmp_path, kind="likelihood").double()
    energy = prior(torch.from_numpy(poses)).numpy()
    np.testing.assert_allclose(energy - energy[0], expected - expected[0], rtol=0, atol=1e-4)


def test_mahalanobis_is_a_soft_minimum_of_half_distances(tmp_path):
    generator = np.random.default_rng(1)
    means, covariances, weights = _mixture_file(tmp_path / "pose_prior.npz", generator)
    pose = generator.normal(size=SIZE) * 0.4
    halves = [
        0.5 * (pose - m) @ np.linalg.solve(c, pose - m)
        for m, c in zip(means, covariances, strict=True)
    ]
    expected = -np.log(sum(w * np.exp(-h) for w, h in zip(weights, halves, strict=True))) / SIZE
    prior = MixturePosePrior(tmp_path).double()
    assert float(prior(torch.from_numpy(pose))) == pytest.approx(expected, rel=1e-5)


def test_a_pose_drawn_from_a_component_scores_about_a_half(tmp_path):
    generator = np.random.default_rng(2)
    means, covariances, _ = _mixture_file(tmp_path / "pose_prior.npz", generator)
    poses = generator.multivariate_normal(means[1], covariances[1], size=400)
    energy = MixturePosePrior(tmp_path)(torch.from_numpy(poses).float())
    assert float(energy.mean()) == pytest.approx(0.5, abs=0.02)
    assert (energy >= 0).all()


def test_any_batch_axes_and_their_singles(generator):
    prior = MixturePosePrior()
    poses = 0.3 * torch.randn(2, 3, SIZE, generator=generator)
    energy = prior(poses)
    assert energy.shape == (2, 3)
    torch.testing.assert_close(energy[1, 2], prior(poses[1, 2]))


def test_gradient_is_right_and_finite_far_away(generator):
    prior = MixturePosePrior()
    far = (3 * torch.randn(4, SIZE, generator=generator)).requires_grad_()
    prior(far).sum().backward()
    assert torch.isfinite(far.grad).all()
    pose = 0.3 * torch.randn(2, SIZE, dtype=torch.float64, generator=generator)
    assert gradcheck(prior.double(), pose.requires_grad_())


def test_left_and_right_are_alike_in_the_shipped_prior(generator):
    # The mixture saw every pose and its mirror image.
    prior = MixturePosePrior()
    pose = torch.zeros(23, 3)
    pose[3] = torch.tensor([1.2, 0.0, 0.0])  # left knee
    other = torch.zeros(23, 3)
    other[4] = pose[3]
    left, right = prior(torch.stack([pose, other]).flatten(1))
    assert float(left) == pytest.approx(float(right), rel=0.15)


def test_shipped_prior_knows_which_way_knees_and_elbows_bend():
    prior = MixturePosePrior()
    for joint, axis in ((3, [1.0, 0.0, 0.0]), (17, [0.0, -1.0, 0.0]), (18, [0.0, 1.0, 0.0])):
        pose = torch.zeros(2, 23, 3)
        pose[0, joint] = 1.3 * torch.tensor(axis)
        pose[1, joint] = -1.3 * torch.tensor(axis)
        bent, broken = prior(pose.flatten(1))
        assert bent + 0.1 < broken


def test_descending_its_gradient_repairs_a_broken_knee():
    prior = MixturePosePrior()
    pose = torch.zeros(23, 3)
    pose[3, 0] = -1.0
    pose = pose.flatten().requires_grad_()
    optimiser = torch.optim.Adam([pose], lr=0.02)
    for _ in range(150):
        optimiser.zero_grad()
        prior(pose).backward()
        optimiser.step()
    assert float(pose.detach()[9]) > -0.1


def test_the_shipped_file_is_small(repo):
    assert (repo / "checkpoints" / "pose_prior.npz").stat().st_size < 300_000


def test_bad_files_and_names_are_refused(tmp_path):
    with pytest.raises(AssetNotFoundError, match=r"pose_prior\.npz was not found at"):
        MixturePosePrior(tmp_path / "nowhere.npz")
    np.savez(tmp_path / "other.npz", poses=np.zeros(3))
    with pytest.raises(InputError, match=r"other\.npz is not a pose prior"):
        MixturePosePrior(tmp_path / "other.npz")
    short = {"means": np.zeros((1, 4)), "whiteners": np.ones((1, 9)), "weights": np.ones(1)}
    np.savez(tmp_path / "short.npz", **short)
    with pytest.raises(InputError, match="9 entries a component, 10 are needed for 4"):
        MixturePosePrior(tmp_path / "short.npz")
    np.savez(tmp_path / "finger.npz", **short | {"whiteners": np.ones((1, 10))})
    with pytest.raises(InputError, match="of 4 dimensions; SMPL's 23 body joints have 69"):
        MixturePosePrior(tmp_path / "finger.npz")
