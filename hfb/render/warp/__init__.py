"""Rendering by NVIDIA Warp: one kernel source for its CPU device and for CUDA."""
