"""Pairs of detector outputs and true poses that the lifting network learns from."""

from datamodules.lifting.data_module import LiftingDataModule

__all__ = ["LiftingDataModule"]
