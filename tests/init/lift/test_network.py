"""How the lifting network sees a person: from the middle, wherever in the image that is."""

from dataclasses import replace

import torch
from detector_outputs import CAMERA, as_input, random_output

from hfb.init.detect.landmarks import LIMB_LANDMARKS
from hfb.init.lift.encoding import encode, view_rotation


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
    torch.testing.assert_close(encode(here).flat(), encode(there).flat())
    torch.testing.assert_close(view_rotation(here), view_rotation(there))
