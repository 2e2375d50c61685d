"""Silhouettes as bits."""

import torch

from datamodules.files.target import pack_silhouettes, unpack_silhouettes


def test_silhouette_bits() -> None:
    """Leftmost pixel in the highest bit, rows padded to whole bytes."""
    mask = torch.zeros(1, 10, dtype=torch.bool)
    mask[0, [0, 8]] = True
    assert pack_silhouettes(mask).tolist() == [[128, 128]]
    assert torch.equal(unpack_silhouettes(pack_silhouettes(mask), 10), mask)
