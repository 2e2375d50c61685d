"""What all metrics ask of their inputs."""

from torch import Tensor

from hfb.errors import ShapeError


def check_shapes(preds: Tensor, target: Tensor, what: str) -> None:
    """Raise a `ShapeError` that names the quantity if two shapes differ."""
    if preds.shape != target.shape:
        raise ShapeError(
            f"{what} of the prediction {tuple(preds.shape)} and of the truth "
            f"{tuple(target.shape)} must have the same shape: evaluate both at the same times."
        )
