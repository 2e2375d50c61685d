"""Rendered blurry photos whose truth is known: people, clothes, places, cameras, exposures."""

from datamodules.synthetic.data_module import (
    SyntheticDataModule,
    SyntheticDataset,
    embedded_example,
)

__all__ = ["SyntheticDataModule", "SyntheticDataset", "embedded_example"]
