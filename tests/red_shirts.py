"""A detector that is none: it knows where people stand, and takes all that is red for them."""

import numpy as np
import torch

from hfb.init.detect.blazepose import BlazePose
from hfb.init.detect.decoding import Detection, Roi
from hfb.init.detect.landmarks import Landmarks

SHIRT = torch.tensor([0.95, 0.1, 0.1])[:, None, None]


class SeesShirts(BlazePose):
    """Finds whoever wears red, each at a given place; what its masks hold is for its children."""

    def __init__(self, *places: tuple[float, float, float]) -> None:
        self.places = places

    def detect(self, image: np.ndarray, window: Roi, min_score: float = 0.3) -> list[Detection]:
        return [
            Detection(0.9, np.array([x, y], float), np.array([x, y - size / 2.5]))
            for x, y, size in self.places
        ]

    def landmarks(self, image: np.ndarray, roi: Roi) -> Landmarks:
        values = np.zeros((33, 3))
        return Landmarks(values[:, :2], values, values[:, 0], 0.9, roi, roi)


def is_red(image: np.ndarray) -> np.ndarray:
    """Where shirts are, (H, W)."""
    return (image[..., 0] > 220) & (image[..., 1] < 60)
