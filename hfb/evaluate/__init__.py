"""Measuring: metrics of a fit against photo and truth, the methods it is compared with, tables."""
