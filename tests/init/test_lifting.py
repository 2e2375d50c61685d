"""The lifting network's geometry, file and use in a registration; its training is tested apart."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hfb.body import load_body
from hfb.errors import BodyModelError, InputError
from hfb.geometry import project, rotation_from_6d, rotmat_to_rotvec, rotvec_to_rotmat
from hfb.init import BlazePoseInitialiser, Registration, RegistrationSettings, register_landmarks
from hfb.init.detect.detector_output import DetectorOutput, heat_widths
from hfb.init.detect.landmarks import LIMB_LANDMARKS, Landmarks, swap_sides
from hfb.init.lift.checkpoint import load_lifting, save_lifting
from hfb.init.lift.lift import lift_outputs, mean_rotation, mirrored_pose
from hfb.init.lift.network import (
    LiftingInput,
    LiftingNetwork,
    LiftingSettings,
    encode,
    view_rotation,
)
from hfb.init.register.correspondence import correspondence
from hfb.init.register.gauss_newton import BodyState
from hfb.init.register.lifted_prior import LiftedStart, lifted_term
from hfb.structures import BodyParams, Camera

SMALL = LiftingSettings(width=32, num_blocks=1)
POSE = rotvec_to_rotmat(0.3 * torch.randn(1, 24, 3, generator=torch.Generator().manual_seed(5)))
CAMERA = Camera(torch.tensor([500.0, 500.0]), torch.tensor([200.0, 240.0]), 480, 400)


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture
def network():
    torch.manual_seed(0)
    made = LiftingNetwork(SMALL).eval().requires_grad_(False)
    # Untrained it would only repeat the registered pose.
    torch.nn.init.normal_(made.leave[-1].weight, std=0.05)
    return made


def random_output(seed, **changes):
    rng = np.random.default_rng(seed)
    points = rng.normal(0.0, 1.0, (39, 5))
    points[:, :2] = 128.0 + 40.0 * points[:, :2]
    output = DetectorOutput(
        points=points,
        heat=rng.uniform(0.02, 0.9, (39, 3)),
        world=rng.normal(0.0, 0.3, (39, 3)),
        presence=0.9,
        roi=(260.0, 200.0, 300.0, 0.3),
    )
    return replace(output, **changes)


def as_input(output, camera=CAMERA):
    values = {
        name: torch.from_numpy(np.asarray(getattr(output, name), np.float64))[None]
        for name in ("points", "heat", "world")
    }
    return LiftingInput(
        **values,
        roi=torch.tensor([output.roi], dtype=torch.float64),
        camera=torch.cat([camera.focal, camera.principal_point])[None].double(),
        registered=POSE.double(),
    )


def test_six_numbers_make_every_rotation(generator):
    rotmat = rotvec_to_rotmat(torch.randn(20, 3, generator=generator, dtype=torch.float64))
    sixd = rotmat[..., :2].mT.flatten(-2)
    torch.testing.assert_close(rotation_from_6d(sixd), rotmat)
    torch.testing.assert_close(rotation_from_6d(3.0 * sixd), rotmat)
    free = torch.randn(5, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(rotation_from_6d, free)


def test_the_view_looks_at_the_persons_middle_and_rolls_with_the_crop():
    seen = as_input(random_output(1))
    view = view_rotation(seen)[0]
    torch.testing.assert_close(view @ view.mT, torch.eye(3, dtype=torch.float64))
    x, y, side, angle = seen.roi[0]
    middle = (seen.points[0, LIMB_LANDMARKS.tolist(), :2].mean(0) / 256 - 0.5) * side
    turn = torch.tensor([[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]]).double()
    pixel = torch.stack([x, y]) + turn @ middle
    ray = torch.cat([(pixel - CAMERA.principal_point) / CAMERA.focal, torch.ones(1)]).double()
    torch.testing.assert_close(
        view @ ray / ray.norm(), torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    )
    # On the optical axis only the roll is left.
    centred = as_input(random_output(1, roi=(0.0, 0.0, 300.0, 0.3)))
    at = -(turn @ middle) + CAMERA.principal_point
    centred = replace(centred, roi=torch.tensor([[*at.tolist(), 300.0, 0.3]]).double())
    torch.testing.assert_close(view_rotation(centred)[0, :2, :2], turn.T)


def test_a_person_looks_the_same_anywhere_in_the_image():
    here = as_input(random_output(2))
    moved = replace(CAMERA, principal_point=CAMERA.principal_point + torch.tensor([70.0, -30.0]))
    there = as_input(random_output(2, roi=(330.0, 170.0, 300.0, 0.3)), moved)
    torch.testing.assert_close(encode(here), encode(there))
    torch.testing.assert_close(view_rotation(here), view_rotation(there))


def test_lifting_a_mirrored_image_gives_the_mirrored_pose(network, body):
    width = 400
    mirrored_camera = replace(CAMERA, principal_point=torch.tensor([width - 200.0, 240.0]))
    output = random_output(3)
    plain = lift_outputs([[output]], POSE, mirrored_camera, network, body)
    before = mirrored_pose(POSE, body.joint_names)
    as_mirrored = replace(output, mirrored_width=width)
    turned = lift_outputs([[as_mirrored]], before, CAMERA, network, body)
    mirror = torch.diag(torch.tensor([-1.0, 1.0, 1.0]))
    names = list(body.joint_names)
    left, right = names.index("left_elbow"), names.index("right_elbow")
    torch.testing.assert_close(turned.rotmat[0, left], mirror @ plain.rotmat[0, right] @ mirror)
    torch.testing.assert_close(turned.rotmat[0, 0], mirror @ plain.rotmat[0, 0] @ mirror)
    torch.testing.assert_close(turned.angle_sigma[0, left], plain.angle_sigma[0, right])


def test_a_network_for_other_joints_is_refused(body):
    network = LiftingNetwork(replace(SMALL, num_joints=22))
    with pytest.raises(BodyModelError, match=r"trained for 22 joints.* this body has 24"):
        lift_outputs([[random_output(3)]], POSE, CAMERA, network, body)


def test_several_outputs_are_averaged(network, body, generator):
    outputs = [random_output(seed) for seed in (4, 5)]
    both = lift_outputs([outputs, outputs[:1]], POSE.repeat(2, 1, 1, 1), CAMERA, network, body)
    single = lift_outputs([outputs[:1]], POSE, CAMERA, network, body)
    torch.testing.assert_close(both.rotmat[1], single.rotmat[0])
    middle = rotvec_to_rotmat(torch.randn(7, 3, generator=generator))
    step = rotvec_to_rotmat(0.4 * torch.randn(7, 3, generator=generator))
    torch.testing.assert_close(
        mean_rotation(torch.stack([middle @ step, middle @ step.mT])), middle
    )


def test_swapped_landmarks_swap_their_readings():
    output = random_output(6)
    found = Landmarks(
        xy=output.points[:33, :2],
        world=output.world[:33],
        visibility=np.ones(33),
        score=1.0,
        roi=output.roi,
        next_roi=output.roi,
        outputs=(output,),
    )
    swapped = swap_sides(found).outputs[0]
    np.testing.assert_array_equal(swapped.points[11, :2], output.points[12, :2])
    np.testing.assert_array_equal(swapped.world[11], output.world[12] * [1, 1, -1])
    np.testing.assert_array_equal(swap_sides(swap_sides(found)).outputs[0].world, output.world)


def test_heat_widths_of_known_maps():
    flat = np.full((64, 64), -20.0)
    box = flat.copy()
    box[20:24, 10:30] = 8.0
    widths = heat_widths(np.stack([flat, box], -1))
    assert widths[0, 0] < 0.01
    np.testing.assert_allclose(widths[1, 0], 1.0 / (1.0 + np.exp(-8.0)), rtol=1e-5)
    # Standard deviation of n equal cells: sqrt((n^2 - 1) / 12).
    np.testing.assert_allclose(widths[1, 1] * 64, np.sqrt((20**2 - 1) / 12), rtol=1e-4)
    np.testing.assert_allclose(widths[1, 2] * 64, np.sqrt((4**2 - 1) / 12), rtol=1e-4)


def state_of(body, generator, count=2):
    rotvec = 0.3 * torch.randn(count, 24, 3, generator=generator, dtype=torch.float64)
    return BodyState(
        rotvec_to_rotmat(rotvec),
        torch.zeros(count, body.num_betas, dtype=torch.float64),
        torch.zeros(count, 3, dtype=torch.float64),
    )


def test_the_pull_to_a_lifted_pose_has_the_right_derivatives(body, generator):
    state = state_of(body, generator)
    lifted = LiftedStart(
        rotmat=state_of(body, generator).rotmat,
        betas=torch.zeros(2, 10),
        angle_sigma=0.1 + torch.rand(2, 24, generator=generator),
        distance_sigma=torch.ones(2, 24),
    )
    found = lifted_term(state, lifted, 0.7, 1e4)
    residual = rotmat_to_rotvec(lifted.rotmat.mT @ state.rotmat).norm(dim=-1) / lifted.angle_sigma
    torch.testing.assert_close(found.cost, 0.35 * residual.square().sum(-1), rtol=1e-5, atol=1e-6)
    step = torch.randn(2, 85, generator=generator, dtype=torch.float64)
    ahead, behind = (
        lifted_term(state.moved(sign * 1e-5 * step), lifted, 0.7, 1e4).cost for sign in (1, -1)
    )
    torch.testing.assert_close(
        (found.gradient * step).sum(-1), (ahead - behind) / 2e-5, rtol=1e-5, atol=1e-6
    )


def observed(body, rotmat, transl):
    """Landmarks that a perfect detector would give for a pose, where a channel names one."""
    table = correspondence(body)
    posed = body(BodyParams(torch.zeros(1, 10), rotmat[None], transl[None]))
    points = torch.cat([posed.joints[0], posed.verts[0, table.vertices]])
    channels = table.from_points.float() @ points
    landmarks = torch.linalg.pinv(table.from_landmarks.float()) @ channels
    return project(landmarks, CAMERA), landmarks - landmarks[[23, 24]].mean(0)


def test_a_certain_lifted_pose_is_kept_and_an_uncertain_one_gives_way(body, generator):
    rotmat = rotvec_to_rotmat(0.25 * torch.randn(24, 3, generator=generator))
    rotmat[0] = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
    other = rotmat @ rotvec_to_rotmat(0.3 * torch.randn(24, 3, generator=generator))
    xy, world = observed(body, rotmat, torch.tensor([0.1, 0.2, 3.0]))
    inputs = (xy[None], world[None], torch.ones(1, 33), CAMERA, body)
    settings = RegistrationSettings(lifted_weight=1.0, lifted_prior_weight=0.0)

    def registered(sigma):
        lifted = LiftedStart(
            other[None], torch.zeros(1, 10), torch.full((1, 24), sigma), torch.ones(1, 24)
        )
        return register_landmarks(*inputs, settings=settings, lifted=lifted)

    sure, unsure = registered(1e-4), registered(1.0)
    torch.testing.assert_close(sure.pose_rotmat[0], other, atol=2e-3, rtol=0)
    assert unsure.error_px < 2.0
    assert unsure.error_px < 0.3 * sure.error_px


def test_a_network_comes_back_from_its_file(network, body, tmp_path):
    path = tmp_path / "lifting.ckpt"
    save_lifting(network, path, {"body": "free_body", "parents": list(body.parents)})
    assert path.stat().st_size < 10e6
    again, card = load_lifting(path)
    assert card["body"] == "free_body"
    seen = as_input(random_output(7))
    seen = LiftingInput(
        **{
            name: value.float() if value.is_floating_point() else value
            for name, value in vars(seen).items()
        }
    )
    torch.testing.assert_close(again(seen).rotmat, network(seen).rotmat, atol=5e-3, rtol=0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no checkpoint at all", "cannot be read as a lifting network"),
        ({"format": "hfb-motion-prior"}, "is not a lifting network"),
        (
            {"format": "hfb-lifting", "version": 99, "settings": {}, "card": {}, "state": {}},
            "has version 99",
        ),
        (
            {"format": "hfb-lifting", "version": 1, "settings": {"a": 1}, "card": {}, "state": {}},
            "settings",
        ),
    ],
)
def test_wrong_files_are_refused_with_one_line(tmp_path, content, message):
    path = tmp_path / "lifting.ckpt"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(InputError, match=message):
        load_lifting(path)


def test_weights_of_another_size_are_refused(network, tmp_path, body):
    path = tmp_path / "lifting.ckpt"
    save_lifting(network, path, {"parents": list(body.parents)})
    content = torch.load(path, weights_only=True)
    content["settings"]["width"] = 64
    torch.save(content, path)
    with pytest.raises(InputError, match="weights do not fit"):
        load_lifting(path)


def lifting_initialiser(network, parents, tmp_path, trained_for="free_body"):
    save_lifting(network, tmp_path / "lifting.ckpt", {"body": trained_for, "parents": parents})
    return BlazePoseInitialiser(lifting=True, lifting_path=str(tmp_path / "lifting.ckpt"))


def test_the_initialiser_tells_how_sure_it_is(network, body, tmp_path):
    rotmat = torch.eye(3).expand(24, 3, 3).clone()
    rotmat[0] = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
    xy, world = observed(body, rotmat, torch.tensor([0.0, 0.2, 3.0]))
    found = Landmarks(
        xy.double().numpy(), world.double().numpy(), np.ones(33), 1.0, (200.0, 240.0, 300.0, 0.0),
        (200.0, 240.0, 300.0, 0.0), outputs=(random_output(8),),
    )  # fmt: skip
    lifting = lifting_initialiser(network, list(body.parents), tmp_path)
    estimate = lifting.estimate([found], CAMERA, body)
    assert estimate.joint_sigma is not None
    assert estimate.joint_sigma.shape == (len(estimate), 24)
    assert "lifted" in estimate.source
    plain = BlazePoseInitialiser(lifting=False).estimate([found], CAMERA, body)
    assert plain.joint_sigma is None
    assert plain.unlifted is None
    assert torch.equal(estimate.unlifted.pose_rotmat, plain.pose_rotmat)
    assert not torch.equal(estimate.pose_rotmat[0], plain.pose_rotmat[0])


def test_a_network_for_another_body_is_refused(network, body, tmp_path):
    lifting = lifting_initialiser(network, [-1, 0, 1], tmp_path)
    fitted = Registration(
        torch.zeros(1, 10), POSE, torch.zeros(1, 3), torch.zeros(1), torch.zeros(1)
    )
    with pytest.raises(InputError, match="another joint tree"):
        lifting._lift([], fitted, CAMERA, body)


def test_the_shape_is_given_to_the_body_it_was_trained_for_only(network, body, tmp_path):
    fitted = Registration(
        torch.zeros(1, 10), POSE, torch.zeros(1, 3), torch.zeros(1), torch.zeros(1)
    )
    roi = (200.0, 240.0, 300.0, 0.0)
    blank = np.zeros((33, 3))
    found = Landmarks(blank[:, :2], blank, blank[:, 0], 1.0, roi, roi, outputs=(random_output(3),))
    parents = list(body.parents)
    own = lifting_initialiser(network, parents, tmp_path)._lift([found], fitted, CAMERA, body)
    other = lifting_initialiser(network, parents, tmp_path, "another body")
    foreign = other._lift([found], fitted, CAMERA, body)
    assert float(own.betas.abs().max()) > 0.0
    assert bool((foreign.betas == 0.0).all())
    assert torch.equal(own.rotmat, foreign.rotmat)


def test_an_untrained_network_agrees_with_the_registration(body):
    fresh = LiftingNetwork(SMALL).eval().requires_grad_(False)
    lifted = lift_outputs([[random_output(9)]], POSE, CAMERA, fresh, body)
    torch.testing.assert_close(lifted.rotmat, POSE, atol=1e-5, rtol=0)
