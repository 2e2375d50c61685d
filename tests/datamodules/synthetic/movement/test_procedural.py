import numpy as np
import pytest
import torch

from datamodules.synthetic.movement.action_library import LIMITS, load_library
from datamodules.synthetic.movement.grounding import GRAVITY
from datamodules.synthetic.movement.procedural import random_action
from hfb.errors import InputError
from hfb.geometry import rotmat_to_rotvec
from hfb.motion import evaluate, fit_polynomial
from hfb.structures import BodyParams

LIBRARY = load_library()[1]


BETAS = torch.zeros(10)


def _action(seed=0, name=None, variation=1.0):
    return random_action(torch.Generator().manual_seed(seed), name, variation)


def _verts(body, action, times):
    rotmat, transl = action.window(body, BETAS, times)
    return body(BodyParams(BETAS[None], rotmat, transl)).verts


@pytest.mark.parametrize("name", sorted(LIBRARY))
def test_actions_stay_within_anatomical_limits(name):
    for seed in range(4):
        action = _action(seed, name)
        times = np.linspace(0, action.duration, 50)
        curves = action.angle_curves(times)
        for angle, (low, high) in LIMITS.items():
            for side in ("", "l_", "r_"):
                if side + angle in curves:
                    values = curves[side + angle]
                    assert low - 1e-9 <= values.min()
                    assert values.max() <= high + 1e-9
        rotmat = action.pose(times)
        np.testing.assert_allclose(
            rotmat @ rotmat.swapaxes(-1, -2), np.broadcast_to(np.eye(3), rotmat.shape), atol=1e-9
        )
        # Knees are hinges: no rotation about other axes, none backwards.
        knees = rotmat_to_rotvec(torch.from_numpy(rotmat[:, [4, 5]])).numpy()
        np.testing.assert_allclose(knees[..., 1:], 0.0, atol=1e-9)
        assert (knees[..., 0] >= 0).all()


@pytest.mark.parametrize("name", sorted(LIBRARY))
def test_bodies_stand_on_the_ground_and_fly_only_in_flights(body, name):
    action = _action(1, name)
    times = torch.linspace(0, action.duration, 25, dtype=torch.float64)
    lowest = _verts(body, action, times)[..., 1].min(dim=1).values
    flying = torch.zeros(len(times), dtype=torch.bool)
    for start, end in action.flights:
        flying |= (times > start) & (times < end)
    # Soles are taken as rigid, skinned ones are not: two centimetres at bent toes.
    assert (lowest > -0.02).all()
    assert (lowest[~flying] < 0.02).all()


def test_jump_rises_and_its_pelvis_falls_freely(body):
    action = _action(3, "jump")
    start, end = action.flights[0]
    times = torch.linspace(start + 0.03, end - 0.03, 31, dtype=torch.float64)
    _, transl = action.window(body, BETAS, times)
    assert _verts(body, action, times)[15, :, 1].min() > 0.08
    height = transl[:, 1].double().numpy()
    step = float(times[1] - times[0])
    curvature = np.polyfit(step * np.arange(31), height, 2)[0] * 2
    assert curvature == pytest.approx(-GRAVITY, rel=0.02)


def test_motion_is_no_polynomial_of_the_fit(body):
    action = _action(2, "kick")
    centre = sum(action.focus) / 2
    times = torch.linspace(centre - 0.1, centre + 0.1, 33, dtype=torch.float64)
    rotmat, transl = action.window(body, BETAS, times)
    unit = (torch.arange(33) + 0.5) / 33
    fitted = fit_polynomial(rotmat, transl, unit, degree=2)
    pose, _ = evaluate(fitted, unit)
    error = rotmat_to_rotvec(rotmat.mT @ pose).norm(dim=-1).rad2deg()
    assert error.max() > 1.0
    assert 0.15 < error.mean() < 1.5  # CMU motion capture: 0.3 degrees over 125 ms


def test_variation_is_drawn_from_the_generator():
    first, again, other = _action(5), _action(5), _action(6)
    times = np.linspace(0, 0.3, 5)
    np.testing.assert_array_equal(first.pose(times), again.pose(times))
    assert first.name != other.name or not np.allclose(first.pose(times), other.pose(times))
    authored = _action(5, "squat", variation=0.0)
    assert authored.name == "squat"
    assert authored.duration == pytest.approx(0.95)


def test_unknown_actions_are_named():
    with pytest.raises(InputError, match="no action 'fly'; the library has arm_circle"):
        _action(0, "fly")
