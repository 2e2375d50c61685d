"""Correcting what blur does to the detector: a network of detector outputs to poses."""
