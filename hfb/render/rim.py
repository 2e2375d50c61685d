"""Mode `dibr`: what the soft mask shows beyond the faces, and how soft it is in pixels.

DIB-R's mask is above zero outside every face, where its image is black. Composited, that rim
darkens the outline, and the only way for a fit to lighten it is to shrink or move the body. So the
rim takes the colour of the nearest covered pixel by default.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hfb.render.settings import RenderSettings

_REACH_SIGMAS = 2.5
"""Faces farther than so many standard widths of exp(-d²/σ²) add less than 0.002."""

_BODY_SHARE = 0.115
"""Share of a crop that the body covers, which tells how large its faces are in pixels."""

# Width of the band that the mask of a whole body adds, over σ, against σ over the side of a face:
# measured on three poses of the free body at 96, 160 and 256 px, right to 3 % for ratios of 0.07 to
# 2.7 (`benchmarks/bench_softness.py`). It grows as more faces come to lie within σ.
_WIDTH_AT_ONE, _WIDTH_SLOPE, _LEAST_WIDTH = 1.66, 0.19, 1.2


def in_pixels(settings: RenderSettings, num_faces: int, height: int, width: int) -> RenderSettings:
    """Settings whose `softness_px` has become DIB-R's own numbers.

    The product over all faces near a pixel makes the mask the wider the denser the mesh is; the
    sharpness makes up for it. The mesh is taken to fill the image as a person's crop does.

    Args:
        settings: any; those without `softness_px` or of another mode come back as they are.
        num_faces: of the mesh.
        height: of the image, px.
        width: of the image, px.
    """
    wanted = settings.softness_px
    if settings.mode != "dibr" or wanted is None:
        return settings
    side = math.sqrt(height * width)
    face = side * math.sqrt(4.0 * _BODY_SHARE / max(num_faces, 1))
    sigma = wanted / _WIDTH_AT_ONE
    for _ in range(20):
        slope = _WIDTH_AT_ONE + _WIDTH_SLOPE * math.log(sigma / face)
        sigma = wanted / max(slope, _LEAST_WIDTH)
    margin = _REACH_SIGMAS * sigma
    # All faces that can matter: front and back, twice as dense as elsewhere near the outline.
    knum = math.ceil(4.0 * ((2.0 * margin + 1.5 * face) / face) ** 2)
    return replace(
        settings,
        softness_px=None,
        sigmainv=min((0.5 * side / sigma) ** 2, 1e9),
        boxlen=min(2.0 * margin / side, 2.0),
        knum=min(max(knum, settings.knum), num_faces, 10_000),
    )


def rim_offsets(settings: RenderSettings, height: int, width: int) -> NDArray[np.int32]:
    """Steps (K, 2), rows and columns, to the pixels around one, nearest first.

    As far as a covered pixel can be whose face is in reach of the mask; equally far ones row by
    row, so that all backends choose the same. None where the rim is black.

    Args:
        settings: of the mode `dibr`.
        height: of the image, px.
        width: of the image, px.
    """
    if settings.rim == "black":
        return np.zeros((0, 2), np.int32)
    reach = math.sqrt(0.5) * settings.boxlen * max(height, width)
    return _offsets(math.ceil(reach) + 1)


@cache
def _offsets(radius: int) -> NDArray[np.int32]:
    steps = np.arange(-radius, radius + 1)
    rows, columns = (axis.ravel() for axis in np.meshgrid(steps, steps, indexing="ij"))
    distance2 = rows**2 + columns**2
    inside = (distance2 > 0) & (distance2 <= radius**2)
    order = np.lexsort((columns[inside], rows[inside], distance2[inside]))
    found = np.stack([rows[inside], columns[inside]], 1)[order].astype(np.int32)
    found.flags.writeable = False
    return found
