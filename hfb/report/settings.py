"""Which files a result has beside those that every result has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReportSettings:
    """Which files are written beside motion, body, video and images.

    Attributes:
        page: `report.html`: one page to look at the run in a browser, without a network.
        morph_targets: `mesh_morph.glb`: the sub-frames as morph targets, exact to the last vertex
            and without a skeleton; some MB.
    """

    page: bool = True
    morph_targets: bool = False
