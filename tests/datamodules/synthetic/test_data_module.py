"""Samples by seed, and the example that needs no data."""

from dataclasses import replace

import pytest
import torch

from datamodules.synthetic.data_module import (
    SyntheticDataModule,
    SyntheticSettings,
    embedded_example,
    make_sample,
)
from hfb.errors import InputError

SMALL = SyntheticSettings(
    height=160, width=128, num_subframes=32, num_truth=16, blur_rate=(0.2, 0.6)
)


def test_embedded_example_is_a_clear_kick():
    sample = embedded_example(0, replace(SMALL, num_subframes=16, supersampling=1))
    assert sample.sample_id == "example_kick_004"
    assert 0.3 < sample.blur_rate < 0.5


def test_module_yields_lists_of_samples():
    module = SyntheticDataModule(
        num_samples=2, first_seed=1, batch_size=2, height=96, width=80, num_subframes=8,
        supersampling=1,
    )  # fmt: skip
    (batch,) = list(module.test_dataloader())
    assert [sample.blurry.shape for sample in batch] == [(1, 3, 96, 80)] * 2
    assert module.transfer_batch_to_device(batch, torch.device("cpu"), 0) is batch
    assert len({sample.sample_id for sample in module.dataset}) == 2


def test_bad_settings_are_refused():
    with pytest.raises(InputError, match="blur_rate"):
        SyntheticSettings(blur_rate=(0.5, 0.2))
    with pytest.raises(InputError, match="exposure_s"):
        SyntheticSettings(exposure_s=(0.0, 0.2))
    with pytest.raises(InputError, match="whole number from 1"):
        SyntheticSettings(num_truth=0)
    with pytest.raises(InputError, match="num_samples"):
        SyntheticDataModule(num_samples=0)
    with pytest.raises(InputError, match="no action 'swim'"):
        make_sample(SyntheticSettings(actions=("swim",)), 0)
