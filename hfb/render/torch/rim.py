"""Mode `dibr`: from which covered pixel each pixel of the rim has its colour, vectorised."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Int
from numpy.typing import NDArray
from torch import Tensor


@torch.no_grad()
def find_rim(
    face_id: Int[Tensor, "M H W"], is_soft: Bool[Tensor, "M H W"], offsets: NDArray[np.int32]
) -> tuple[Int[Tensor, " K"], Int[Tensor, " K"]]:
    """The pixels of the rim and the nearest covered pixel of each.

    Args:
        face_id: of the image, without a ring around it; -1 where no face is seen.
        is_soft: where a face is near enough to enter the mask.
        offsets: (L, 2) from `rim_offsets`.

    Returns:
        Flat indices into (M, H, W), of those that have a covered pixel in reach, and of these.
    """
    height, width = face_id.shape[1:]
    frame, y, x = ((face_id < 0) & is_soft).nonzero(as_tuple=True)
    covered = (face_id >= 0).reshape(-1)
    source = torch.full_like(frame, -1)
    for row, column in offsets.tolist():
        left = (source < 0).nonzero()[:, 0]
        if len(left) == 0:
            break
        there_y, there_x = y[left] + row, x[left] + column
        inside = (there_y >= 0) & (there_y < height) & (there_x >= 0) & (there_x < width)
        left, there_y, there_x = left[inside], there_y[inside], there_x[inside]
        place = (frame[left] * height + there_y) * width + there_x
        hit = covered[place]
        source[left[hit]] = place[hit]
    pixel = (frame * height + y) * width + x
    has_source = source >= 0
    return pixel[has_source], source[has_source]
