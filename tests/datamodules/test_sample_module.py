"""Batches of samples: their order, who gets which, and what cannot be read."""

import pytest
import torch
from torch.utils.data import Dataset

from datamodules.sample_module import sample_loader
from hfb.errors import InputError
from hfb.structures import BlurSample, BrokenSample


class Samples(Dataset):
    """Five samples, of which one cannot be read."""

    def __len__(self):
        return 5

    def __getitem__(self, index):
        if index == 3:
            raise InputError("two\nlines")
        return BlurSample(f"s{index}", torch.ones(1, 3, 2, 2), torch.zeros(3, 2, 2))


NAMES = [f"s{k}" for k in range(5)]


def names_of(loader):
    return [[sample.sample_id for sample in batch] for batch in loader]


@pytest.mark.parametrize("num_processes", [1, 2, 3, 4])
def test_processes_share_the_batches_of_one(num_processes):
    shares = [
        names_of(sample_loader(Samples(), 2, num_processes, rank, NAMES))
        for rank in range(num_processes)
    ]
    assert len({len(share) for share in shares}) == 1
    taken = [batch for share in shares for batch in share if batch]
    assert sorted(taken) == [["s0", "s1"], ["s2", "s3"], ["s4"]]


def test_what_cannot_be_read_is_reported_or_raised():
    broken = list(sample_loader(Samples(), names=NAMES))[3][0]
    assert isinstance(broken, BrokenSample)
    assert (broken.sample_id, broken.reason) == ("s3", "two lines")
    with pytest.raises(InputError, match="two"):
        list(sample_loader(Samples()))
