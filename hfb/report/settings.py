"""Which files a result has beside those that every result has."""

from __future__ import annotations

from dataclasses import dataclass

from hfb.export import require_usd


@dataclass(frozen=True)
class ReportSettings:
    """Which files are written beside motion, body, video and images.

    Attributes:
        page: `report.html`: one page to look at the run in a browser, without a network.
        morph_targets: `mesh_morph.glb`: the sub-frames as morph targets, exact to the last vertex
            and without a skeleton; some MB.
        usd: `mesh.usdz`: what `mesh.glb` holds, as USD; needs the extra `usd`.
    """

    page: bool = True
    morph_targets: bool = False
    usd: bool = False

    def __post_init__(self) -> None:
        """Find out before the work whether the files can be written.

        Raises:
            InputError: if USD is wanted, but not installed.
        """
        if self.usd:
            require_usd()
