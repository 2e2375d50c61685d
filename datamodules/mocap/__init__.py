"""Motion capture to learn from: recordings, windows fitted by polynomials, faults put in them."""

from datamodules.mocap.coefficient_data import CoefficientDataModule
from datamodules.mocap.data_module import MocapDataModule

__all__ = ["CoefficientDataModule", "MocapDataModule"]
