"""The photos of a sample as samples of their own."""

import pytest
import torch

from hfb.body import load_body
from hfb.errors import InputError
from hfb.geometry import default_camera
from hfb.refine.frames import frames_of
from hfb.structures import BlurSample, InitialEstimate


def test_samples_whose_photos_do_not_fit_together_are_refused():
    def sample(**changes) -> BlurSample:
        values = {
            "blurry": torch.zeros(2, 3, 8, 8),
            "background": torch.zeros(3, 8, 8),
            "exposure": torch.tensor([[0.0, 0.1], [0.1, 0.2]]),
        }
        return BlurSample("s", **(values | changes))

    assert [photo.sample_id for photo in frames_of(sample())] == ["s_photo0", "s_photo1"]
    estimate = InitialEstimate(
        torch.zeros(1, 10),
        torch.eye(3).expand(1, 24, 3, 3),
        torch.zeros(1, 3),
        default_camera(8, 8),
        torch.ones(1),
        load_body().identity,
        "test",
    )
    with pytest.raises(InputError, match="a starting pose in memory serves one photo"):
        frames_of(sample(estimate=estimate))
    with pytest.raises(InputError, match=r"gap between the exposures .* negative"):
        frames_of(sample(exposure=torch.tensor([[0.0, 0.1], [0.0, 0.1]])))
    single = sample(blurry=torch.zeros(1, 3, 8, 8), exposure=torch.tensor([[0.0, 0.1]]))
    assert frames_of(single)[0] is single
