"""The pose prior as an autoencoder: its interface, its energy, its file, its command line."""

import sys

import pytest
import torch

from datamodules.mocap_poses import mirror_poses
from hfb.amp.pose import main
from hfb.amp.pose_evaluation import disturbed_poses
from hfb.errors import InputError
from hfb.prior import (
    MixturePosePrior,
    PoseVaeSettings,
    VaePosePrior,
    load_pose_prior,
    load_pose_vae,
    save_pose_vae,
)
from hfb.prior.pose_vae import divergence
from tests.datamodules.test_mocap import make_clip, save_clip

SMALL = PoseVaeSettings(width=16, latent=4, dropout=0.0)


def _prior(generator):
    prior = VaePosePrior(SMALL)
    with torch.no_grad():
        for value in prior.parameters():
            value.copy_(0.2 * torch.randn(value.shape, generator=generator))
    return prior.eval()


def _poses(generator, *batch):
    return 0.4 * torch.randn(*batch, 69, generator=generator)


def test_it_has_the_mixtures_interface(generator):
    pose = _poses(generator, 2, 5)
    for prior in (_prior(generator), MixturePosePrior()):
        energy = prior(pose)
        assert energy.shape == (2, 5)
        torch.testing.assert_close(energy[1, 3], prior(pose[1, 3]))


def test_priors_are_chosen_by_name():
    assert isinstance(load_pose_prior("mixture"), MixturePosePrior)
    assert isinstance(load_pose_prior("vae"), VaePosePrior)
    assert load_pose_prior("none") is None


def test_the_divergence_is_torchs(generator):
    mean, log_var = torch.randn(2, 3, 4, generator=generator)
    normal = torch.distributions.Normal(mean, (0.5 * log_var).exp())
    expected = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0))
    torch.testing.assert_close(divergence(mean, log_var), expected.sum(-1))


def test_the_energy_has_the_right_gradient(generator):
    prior = _prior(generator).double()
    pose = _poses(generator, 1).double().requires_grad_()
    assert torch.autograd.gradcheck(prior, (pose,))


def test_a_resting_pose_has_a_finite_gradient(generator):
    pose = torch.zeros(69, requires_grad=True)
    _prior(generator)(pose).backward()
    assert torch.isfinite(pose.grad).all()


def test_faults_change_what_they_say(generator):
    pose = _poses(generator, 50)
    faults = disturbed_poses(pose, generator)
    changed = {
        name: (values - pose).unflatten(-1, (-1, 3)).norm(dim=-1) > 1e-3
        for name, values in faults.items()
    }
    assert (changed["knee_or_elbow_bent_backwards"].sum(1) == 1).all()
    assert not changed["hip_or_shoulder_reversed"][:, 2:15].any()
    assert changed["arm_of_another_pose"].any(0).nonzero().flatten().tolist() == [12, 15, 17, 19]
    assert 0.25 < changed["noise_0.3_rad"].float().mean() < 0.42


def test_mirroring_twice_gives_the_pose_back(generator):
    pose = _poses(generator, 3)
    torch.testing.assert_close(mirror_poses(mirror_poses(pose)), pose)
    assert (mirror_poses(pose)[:, :3] == pose[:, 3:6] * torch.tensor([1.0, -1, -1])).all()


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Calls a subcommand on three synthetic subjects, outputs under tmp_path."""
    for number, subject in enumerate(("ann", "bob", "cat")):
        save_clip(tmp_path / "mocap", make_clip("walk", subject, None, seed=number))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["pose"])
    tiny = ["--trainer.enable_progress_bar=false", "--trainer.log_every_n_steps=10"]

    def call(command, *options):
        main([command, f"--data.path={tmp_path / 'mocap'}", *tiny, *options])

    return call


FIT = ["--data.steps_per_epoch=150", "--data.batch_size=64", "--model.prior.width=32"]


def test_fit_resume_and_test(run, tmp_path, capsys):
    run("fit", *FIT, "--model.lr=0.005", "--trainer.max_epochs=2")
    file = tmp_path / "outputs" / "pose_prior" / "pose_vae.ckpt"
    assert torch.load(file, weights_only=True)["card"]["steps"] == 300
    last = tmp_path / "outputs" / "pose_prior" / "checkpoints" / "last.ckpt"
    run("fit", *FIT, "--trainer.max_epochs=3", f"--ckpt_path={last}")
    content = torch.load(file, weights_only=True)
    assert content["card"]["steps"] == 450
    # Synthetic people swing arms and legs in one way: noise on other joints is easily seen.
    assert content["card"]["figures"]["auroc_noise_0.3_rad"] > 0.9
    capsys.readouterr()
    run("test", f"--model.checkpoint={file}")
    text = capsys.readouterr().out
    row = text.split("auroc_noise_0.3_rad")[1].split()
    assert float(row[0]) > 0.9
    assert float(row[1]) > 0.9
    assert not any(value.requires_grad for value in load_pose_vae(file).parameters())


def test_user_errors_are_one_line(run, tmp_path, capsys):
    motion_prior = tmp_path / "amp.ckpt"
    motion_prior.write_bytes(b"something else")
    for options, message in (
        ([f"--model.checkpoint={motion_prior}"], "cannot be read as a pose prior"),
        ([f"--model.checkpoint={tmp_path / 'none.ckpt'}"], "none.ckpt"),
        ([f"--data.path={tmp_path / 'nowhere'}"], "no motion capture at"),
    ):
        with pytest.raises(SystemExit) as caught:
            run("fit" if "data" in options[0] else "test", *options)
        assert caught.value.code == 2
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert error.startswith("error: ")
        assert message in error


def test_impossible_sizes_and_other_sizes_are_refused(tmp_path, generator):
    with pytest.raises(InputError, match="sizes must be at least 1"):
        PoseVaeSettings(latent=0)
    save_pose_vae(_prior(generator), tmp_path / "pose_vae.ckpt", {})
    content = torch.load(tmp_path / "pose_vae.ckpt", weights_only=True)
    content["settings"]["width"] = 17
    torch.save(content, tmp_path / "pose_vae.ckpt")
    with pytest.raises(InputError, match="the weights do not fit their settings"):
        load_pose_vae(tmp_path)
