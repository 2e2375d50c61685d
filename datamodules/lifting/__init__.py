"""What the lifting network learns from: detector outputs on rendered images, and true poses."""

from datamodules.lifting.data_module import LiftingDataModule

__all__ = ["LiftingDataModule"]
