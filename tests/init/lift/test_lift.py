"""Poses of the lifting network: mirrored, averaged, and of other bodies."""

from dataclasses import replace

import pytest
import torch
from detector_outputs import CAMERA, POSE, SMALL, random_output

from hfb.errors import BodyModelError
from hfb.geometry import rotvec_to_rotmat
from hfb.init.lift.lift import lift_outputs, mean_rotation, mirrored_pose
from hfb.init.lift.network import LiftingNetwork


def test_lifting_a_mirrored_image_gives_the_mirrored_pose(network, body):
    width = 400
    mirrored_camera = replace(CAMERA, principal_point=torch.tensor([width - 200.0, 240.0]))
    output = random_output(3)
    plain = lift_outputs([[output]], POSE, mirrored_camera, network, body).start
    before = mirrored_pose(POSE, body.joint_names)
    as_mirrored = replace(output, mirrored_width=width)
    turned = lift_outputs([[as_mirrored]], before, CAMERA, network, body).start
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
    both = lift_outputs(
        [outputs, outputs[:1]], POSE.repeat(2, 1, 1, 1), CAMERA, network, body
    ).start
    single = lift_outputs([outputs[:1]], POSE, CAMERA, network, body).start
    torch.testing.assert_close(both.rotmat[1], single.rotmat[0])
    middle = rotvec_to_rotmat(torch.randn(7, 3, generator=generator))
    step = rotvec_to_rotmat(0.4 * torch.randn(7, 3, generator=generator))
    torch.testing.assert_close(
        mean_rotation(torch.stack([middle @ step, middle @ step.mT])), middle
    )


def test_an_untrained_network_agrees_with_the_registration(body):
    fresh = LiftingNetwork(SMALL).eval().requires_grad_(False)
    lifted = lift_outputs([[random_output(9)]], POSE, CAMERA, fresh, body).start
    torch.testing.assert_close(lifted.rotmat, POSE, atol=1e-5, rtol=0)
