"""Boundaries between consecutive photos: exactly zero for one motion that is cut into pieces."""

import pytest
import torch
from photo_sequences import cut, exposures, long_motion

from hfb.errors import InputError
from hfb.losses import boundary_loss
from hfb.motion import PolynomialMotion
from hfb.refine.sequence.boundaries import (
    PreviousWindow,
    Sequences,
    boundary_states,
    boundary_times,
    check_exposures,
)


def violation(motion, exposure, body, share=0.5, gap=None, before=None):
    sequences = Sequences(torch.zeros(len(exposure), dtype=torch.long), exposure, True, before)
    estimated = None if gap is None else exposure.new_tensor([gap])
    meeting = boundary_times(sequences, share, estimated)
    betas = exposure.new_zeros(len(exposure), 10)
    return boundary_loss(*boundary_states(motion, betas, sequences, meeting, body))


@pytest.mark.parametrize("share", [0.5, 1.0])
@pytest.mark.parametrize("gap", [0.0, 0.3])
def test_one_long_motion_cut_into_photos_violates_nothing(generator, body64, gap, share):
    exposure = exposures(4, gap, uneven=True)
    motion = cut(long_motion(generator), exposure)
    assert float(violation(motion, exposure, body64, share).max()) < 1e-12
    # It is the gap that makes them meet: without it they do not.
    shut = exposure.clone()
    shut[:, 1] += 0.02
    assert float(violation(motion, shut, body64, share).min()) > 1e-3


def test_the_photo_before_a_window_takes_part_as_it_is(generator, body64):
    exposure = exposures(3, 0.3)
    motion = cut(long_motion(generator), exposure)
    parts = [
        PolynomialMotion(
            motion.coeffs[k], motion.base_rotmat[k], motion.base_transl[k], 0.5, "tangent"
        )
        for k in (slice(0, 1), slice(1, 3))
    ]
    none = torch.zeros(10, dtype=torch.float64)
    before = PreviousWindow(none, torch.zeros(3, 4, 4), parts[0], exposure[0])
    found = violation(parts[1], exposure[1:], body64, before=before)
    assert found.shape == (2,)
    assert float(found.max()) < 1e-12


def test_exposures_that_overlap_or_have_no_length_are_one_clear_line():
    check_exposures("s", torch.tensor([[0.0, 0.1], [0.1, 0.2]]))
    with pytest.raises(InputError, match=r"^s: the gap .* 0 and 1 is negative \(-50\.0 ms\)"):
        check_exposures("s", torch.tensor([[0.0, 0.1], [0.05, 0.15]]))
    with pytest.raises(InputError, match=r"frame 1 ends at 0\.2 s, not after"):
        check_exposures("s", torch.tensor([[0.0, 0.1], [0.2, 0.2]]))
