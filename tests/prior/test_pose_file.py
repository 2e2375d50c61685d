"""Pose priors of others, from small files in their layouts."""

import pickle

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch import nn
from torch.autograd import gradcheck

from hfb.errors import InputError
from hfb.prior import MixturePosePrior, load_pose_prior

SIZE, INPUTS, WIDTH, CODES = 69, 63, 16, 8


@pytest.fixture
def smplify():
    """The arrays of a gmm_08.pkl, with three Gaussians."""
    generator = np.random.default_rng(0)
    factors = 0.1 * generator.normal(size=(3, SIZE, SIZE))
    covars = factors @ factors.transpose(0, 2, 1) + 0.05 * np.eye(SIZE)
    means = 0.3 * generator.normal(size=(3, SIZE))
    return {"means": means, "covars": covars, "weights": np.array([0.2, 0.5, 0.3])}


def _pickled(path, content):
    path.write_bytes(pickle.dumps(content, protocol=2))
    return str(path)


def _linear(name, rows, columns):
    scale = columns**-0.5
    return {f"{name}.weight": scale * torch.randn(rows, columns), f"{name}.bias": torch.randn(rows)}


def _norm(name, size):
    return {
        f"{name}.weight": 0.5 + torch.rand(size),
        f"{name}.bias": torch.randn(size),
        f"{name}.running_mean": 0.1 * torch.randn(size),
        f"{name}.running_var": 0.5 + torch.rand(size),
        f"{name}.num_batches_tracked": torch.tensor(3),
    }


@pytest.fixture
def vposer_v1():
    torch.manual_seed(0)
    return {
        **_norm("bodyprior_enc_bn1", INPUTS),
        **_linear("bodyprior_enc_fc1", WIDTH, INPUTS),
        **_norm("bodyprior_enc_bn2", WIDTH),
        **_linear("bodyprior_enc_fc2", WIDTH, WIDTH),
        **_linear("bodyprior_enc_mu", CODES, WIDTH),
        **_linear("bodyprior_enc_logvar", CODES, WIDTH),
        **_linear("bodyprior_dec_fc1", WIDTH, CODES),
    }


@pytest.fixture
def vposer_v2():
    torch.manual_seed(1)
    return {
        **_norm("encoder_net.1", INPUTS),
        **_linear("encoder_net.2", WIDTH, INPUTS),
        **_norm("encoder_net.4", WIDTH),
        **_linear("encoder_net.6", WIDTH, WIDTH),
        **_linear("encoder_net.7", WIDTH, WIDTH),
        **_linear("encoder_net.8.mu", CODES, WIDTH),
        **_linear("encoder_net.8.logvar", CODES, WIDTH),
        **_linear("decoder_net.0", WIDTH, CODES),
    }


def _poses(generator):
    return 0.3 * torch.randn(2, 3, SIZE, generator=generator)


def test_smplifys_prior_is_its_likeliest_gaussian(tmp_path, smplify, generator):
    poses = _poses(generator)
    prior = load_pose_prior(_pickled(tmp_path / "gmm_08.pkl", smplify))
    found = prior(poses)
    scores = [
        np.log(w) + multivariate_normal(m, c).logpdf(poses.numpy())
        for m, c, w in zip(smplify["means"], smplify["covars"], smplify["weights"], strict=True)
    ]
    expected = -np.max(scores, axis=0) / SIZE
    np.testing.assert_allclose(found - found[0, 0], expected - expected[0, 0], atol=1e-4)
    np.savez(tmp_path / "gmm.npz", **smplify)
    torch.testing.assert_close(load_pose_prior(str(tmp_path / "gmm.npz"))(poses), found)


def test_our_own_file_by_path_is_the_shipped_one(repo, generator):
    poses = _poses(generator)
    named = load_pose_prior(str(repo / "checkpoints" / "pose_prior.npz"))
    assert torch.equal(named(poses), MixturePosePrior()(poses))
    assert load_pose_prior("none") is None


def test_vposer_v1_by_its_published_formula(tmp_path, vposer_v1, generator):
    torch.save(vposer_v1, tmp_path / "vposer.pt")
    prior = load_pose_prior(str(tmp_path / "vposer.pt"))
    poses = _poses(generator)
    w = vposer_v1

    def norm(x, name):
        return nn.functional.batch_norm(
            x,
            w[f"{name}.running_mean"],
            w[f"{name}.running_var"],
            w[f"{name}.weight"],
            w[f"{name}.bias"],
        )

    def linear(x, name):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    x = norm(poses.reshape(-1, SIZE)[:, :INPUTS], "bodyprior_enc_bn1")
    x = norm(nn.functional.leaky_relu(linear(x, "bodyprior_enc_fc1"), 0.2), "bodyprior_enc_bn2")
    x = linear(nn.functional.leaky_relu(linear(x, "bodyprior_enc_fc2"), 0.2), "bodyprior_enc_mu")
    expected = 0.5 * x.square().mean(-1).reshape(2, 3)
    torch.testing.assert_close(prior(poses), expected)
    assert not any(p.requires_grad for p in prior.parameters())


def test_vposer_v2_in_a_checkpoint_and_as_npz(tmp_path, vposer_v2, generator):
    poses = _poses(generator)
    encoder = nn.Sequential(
        nn.BatchNorm1d(INPUTS),
        nn.Linear(INPUTS, WIDTH),
        nn.LeakyReLU(),
        nn.BatchNorm1d(WIDTH),
        nn.Linear(WIDTH, WIDTH),
        nn.Linear(WIDTH, WIDTH),
        nn.Linear(WIDTH, CODES),
    ).eval()
    places = {0: "1", 1: "2", 3: "4", 4: "6", 5: "7", 6: "8.mu"}
    encoder.load_state_dict(
        {
            f"{layer}.{part}": vposer_v2[f"encoder_net.{place}.{part}"]
            for layer, place in places.items()
            for part in encoder[layer].state_dict()
        }
    )
    codes = encoder(poses.reshape(-1, SIZE)[:, :INPUTS]).detach()
    expected = 0.5 * codes.square().mean(-1).reshape(2, 3)
    state = {f"vp_model.{name}": value for name, value in vposer_v2.items()}
    torch.save({"state_dict": state, "epoch": 13}, tmp_path / "V02_05.ckpt")
    torch.testing.assert_close(load_pose_prior(str(tmp_path / "V02_05.ckpt"))(poses), expected)
    np.savez(tmp_path / "vposer.npz", **{k: v.numpy() for k, v in vposer_v2.items()})
    torch.testing.assert_close(load_pose_prior(str(tmp_path / "vposer.npz"))(poses), expected)


def test_gradients(tmp_path, smplify, vposer_v1, generator):
    poses = _poses(generator)[0].double().requires_grad_()
    torch.save(vposer_v1, tmp_path / "vposer.pt")
    for path in (tmp_path / "vposer.pt", _pickled(tmp_path / "gmm_08.pkl", smplify)):
        assert gradcheck(load_pose_prior(str(path)).double(), poses)


@pytest.mark.parametrize("size", [63, 72, 189])
def test_mixtures_of_other_poses_are_refused(tmp_path, size):
    content = {
        "means": np.zeros((2, size)),
        "covars": np.tile(np.eye(size), (2, 1, 1)),
        "weights": np.full(2, 0.5),
    }
    path = _pickled(tmp_path / "gmm_08.pkl", content)
    with pytest.raises(InputError, match=f"is a pose prior of {size} dimensions; SMPL's 23 body"):
        load_pose_prior(path)


def test_a_vposer_of_rotation_matrices_is_refused(tmp_path, vposer_v1):
    other = {
        **vposer_v1,
        **_norm("bodyprior_enc_bn1", 189),
        **_linear("bodyprior_enc_fc1", 16, 189),
    }
    torch.save(other, tmp_path / "vposer.pt")
    with pytest.raises(InputError, match="another parameterisation: it takes 189 numbers a pose"):
        load_pose_prior(str(tmp_path / "vposer.pt"))


class _Other:
    pass


def test_files_that_are_no_priors_are_refused(tmp_path, smplify, vposer_v1):
    del vposer_v1["bodyprior_enc_mu.bias"]
    torch.save(vposer_v1, tmp_path / "half.pt")
    torch.save({"state_dict": vposer_v1, "hyper_parameters": _Other()}, tmp_path / "more.ckpt")
    (tmp_path / "text.pt").write_text("no weights")
    flat = smplify | {"covars": np.zeros((3, SIZE, SIZE))}
    cases = {
        str(tmp_path / "half.pt"): "is no VPoser: it lacks 'bodyprior_enc_mu.bias'",
        str(tmp_path / "more.ckpt"): "no torch file of weights alone",
        str(tmp_path / "text.pt"): "no torch file of weights alone",
        _pickled(tmp_path / "object.pkl", {"means": _Other()}): "asks for .*_Other",
        _pickled(tmp_path / "less.pkl", {"means": smplify["means"]}): "lacks covars, weights",
        _pickled(tmp_path / "flat.pkl", flat): "not positive definite",
        str(tmp_path / "missing.pkl"): "no such file",
        "mixtur": "give mixture, none, or the file of a pose prior",
    }
    for path, message in cases.items():
        with pytest.raises(InputError, match=message) as raised:
            load_pose_prior(path)
        assert "\n" not in str(raised.value)
