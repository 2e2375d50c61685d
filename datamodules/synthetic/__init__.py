"""Rendered blurry photos with known truth: people, clothes, places, cameras, exposures."""

from datamodules.synthetic.data_module import (
    SyntheticDataModule,
    SyntheticDataset,
    embedded_example,
)

__all__ = ["SyntheticDataModule", "SyntheticDataset", "embedded_example"]
