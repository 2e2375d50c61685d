"""Faults put into true motions."""

import numpy as np
import pytest
import torch
from recordings import make_clip

from datamodules.mocap.frames import join_clips
from datamodules.mocap.pairs import KINDS, CorruptionSettings, lowered_degree, make_pairs
from datamodules.mocap.windows import WindowSettings, draw_windows, fit_windows
from hfb.motion import PolynomialMotion, evaluate
from hfb.motion.tracks import CHAIN_TRACKS


def only(kind):
    """One kind of fault in every motion, nothing else."""
    shares = {name: float(name == kind) for name in KINDS}
    rest = ("noise", "tilt_deg", "lower_degree", "mirror", "pose_noise_rad")
    return CorruptionSettings(**shares, **dict.fromkeys(rest, 0.0))


@pytest.fixture
def frames():
    return join_clips([make_clip("a", "s", "train"), make_clip("b", "s", "train", seed=1)], 120.0)


def _fit(frames, settings, count=20):
    return fit_windows(frames, *draw_windows(frames, settings, count), settings)


def test_reversed_chains_are_wrong_in_their_odd_orders_only(frames, generator):
    windows = _fit(frames, WindowSettings(), 64)
    scale = torch.ones(4, 25)
    pairs = make_pairs(windows, scale, only("chains"), generator)
    torch.testing.assert_close(pairs.coeffs, windows.coeffs)
    assert not pairs.wrong[:, 0::2].any()
    torch.testing.assert_close(pairs.wrong[:, 1], pairs.wrong[:, 3])
    expected = torch.where(pairs.wrong.unsqueeze(-1), -windows.coeffs, windows.coeffs)
    torch.testing.assert_close(pairs.corrupted, expected)
    for tracks in CHAIN_TRACKS.values():
        own = pairs.wrong[:, 1, list(tracks)]
        assert (own.all(1) == own.any(1)).all()
        assert 5 < own.any(1).sum() < 60


def test_a_whole_reversal_is_the_motion_played_backwards(frames, generator):
    windows = _fit(frames, WindowSettings())
    pairs = make_pairs(windows, torch.ones(4, 25), only("whole"), generator)
    assert pairs.wrong[:, 1::2].all()
    t = torch.linspace(0, 1, 5)
    forward = evaluate(PolynomialMotion(pairs.coeffs, pairs.base_rotmat, pairs.base_transl), t)
    backward = evaluate(PolynomialMotion(pairs.corrupted, pairs.base_rotmat, pairs.base_transl), t)
    torch.testing.assert_close(backward[0], forward[0].flip(1), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(backward[1], forward[1].flip(1), atol=1e-5, rtol=1e-4)


def test_drift_is_one_constant_velocity(frames, generator):
    windows = _fit(frames, WindowSettings())
    pairs = make_pairs(windows, torch.ones(4, 25), only("drift"), generator)
    changed = (pairs.corrupted != pairs.coeffs).any(-1)
    assert (changed.sum((1, 2)) == 1).all()
    assert (changed == pairs.wrong).all()
    assert changed[:, 1].any(1).all()


def test_kinds_come_by_their_shares(frames, generator):
    windows = _fit(frames, WindowSettings(), 8)
    many = windows.select(torch.arange(8).repeat(300))
    pairs = make_pairs(many, torch.ones(4, 25), CorruptionSettings(), generator)
    shares = torch.bincount(pairs.kind, minlength=len(KINDS)) / len(many)
    expected = torch.tensor([getattr(CorruptionSettings(), name) for name in KINDS])
    torch.testing.assert_close(shares, expected, atol=0.04, rtol=0)
    clean = pairs.kind == KINDS.index("clean")
    assert not pairs.wrong[clean].any()
    # Some of them carry noise, which makes no entry wrong by itself.
    touched = (pairs.corrupted != pairs.coeffs)[clean].flatten(1).any(1).float().mean()
    assert float(touched) == pytest.approx(CorruptionSettings().noise, abs=0.05)


def test_a_lower_degree_is_the_least_squares_fit(generator):
    coeffs = torch.randn(2, 4, 25, 3, generator=generator)
    chosen = torch.tensor([True, False])
    lower = lowered_degree(coeffs, chosen, generator)
    torch.testing.assert_close(lower[1], coeffs[1])
    assert (lower[0, 3].abs() < 1e-5).all()
    u = torch.linspace(-0.5, 0.5, 33)
    values = torch.einsum("td,dkc->tkc", u[:, None] ** torch.arange(1, 4), coeffs[0, 1:])
    degree = 2 if (lower[0, 2].abs() > 1e-6).any() else 1
    powers = (u[:, None] ** torch.arange(1, degree + 1)).numpy()
    solution = np.linalg.lstsq(powers, values.reshape(33, -1).numpy(), rcond=None)[0]
    np.testing.assert_allclose(
        lower[0, 1 : degree + 1].reshape(degree, -1).numpy(), solution, atol=1e-4
    )
