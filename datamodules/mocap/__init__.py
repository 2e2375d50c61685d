"""Motion capture: recordings, windows fitted by polynomials, pairs of right and wrong motions."""

from datamodules.mocap.data_module import MocapDataModule

__all__ = ["MocapDataModule"]
