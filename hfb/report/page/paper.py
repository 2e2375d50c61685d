"""The curves of the paper that the page draws beside a run's own (Human from Blur, tables 1, 2)."""

from __future__ import annotations

PAPER_ERROR_MM: dict[str, tuple[float, ...]] = {
    "table1": (47.4, 50.3, 66.4, 78.3, 89.0, 101.1, 110.8, 128.7, 124.6, 140.5),
    "table2": (65.4, 64.4, 69.4, 56.2, 77.2, 83.4, 102.4, 101.4, 109.4, 112.0),
}
"""MPJPE of its method in each bin of the blur rate (`BLUR_RATE_BINS`), on its own data."""

PAPER_IOU: dict[str, tuple[float, ...]] = {
    "table1": (0.864, 0.840, 0.820, 0.805, 0.775, 0.743, 0.734, 0.682, 0.659, 0.633),
    "table2": (0.819, 0.828, 0.823, 0.787, 0.779, 0.738, 0.766, 0.695, 0.671, 0.656),
}
"""Silhouette IoU, likewise."""
