"""The losses and metrics of the paper's own prior, on coefficients that the test makes up."""

import torch

from hfb.geometry import rotvec_to_rotmat
from hfb.motion import static_motion
from hfb.prior import CoefficientPriorSettings
from hfb.training.motion_prior import PaperAmpModule


def _coeffs(count, seed):
    turns = 0.4 * torch.randn(count, 24, 3, generator=torch.Generator().manual_seed(seed))
    transl = torch.tensor([0.0, 0.0, 4.0]).expand(count, 3)
    return static_motion(rotvec_to_rotmat(turns), transl, 2, "paper", 0.0).coeffs


def test_half_of_a_batch_is_where_the_loss_leads():
    torch.manual_seed(0)
    module = PaperAmpModule(CoefficientPriorSettings(width=16))
    torch.nn.init.normal_(module.prior.generator[-1].weight, std=0.3)
    torch.nn.init.normal_(module.prior.discriminator[-1].bias, std=2.0)
    module.prior.eval()
    coeffs = _coeffs(400, 0)
    moved = module._under_way(coeffs)
    way = module.prior(coeffs).corrected - coeffs
    step = moved - coeffs
    is_moved = step.flatten(1).abs().amax(1) > 0
    assert 0.4 < is_moved.float().mean() < 0.6
    # Never past what G made, never against it, no entry further than half a radian.
    assert (step.abs() <= way.abs() + 1e-6).all()
    assert (step * way >= -1e-9).all()
    assert step.abs().max() <= 0.5 + 1e-6


def test_the_pose_is_compared_from_the_root():
    module = PaperAmpModule(CoefficientPriorSettings(width=16))
    coeffs = _coeffs(3, 1)
    further = coeffs.clone()
    further[:, 0, 0, 3] += 1.0
    assert module._error(further, module._posed(coeffs)[1]).max() < 1e-3
    turned = coeffs.clone()
    turned[:, 0, 1, 3] += 0.3
    assert module._error(turned, module._posed(coeffs)[1]).min() > 30.0
