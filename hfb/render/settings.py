"""What the renderer should do, apart from the scene itself."""

from dataclasses import dataclass
from typing import Literal

from hfb.errors import InputError
from hfb.ranges import Range, check_settings

Mode = Literal["coverage", "contour", "dibr"]
Rim = Literal["nearest", "black"]

AUTOMATIC = "auto"
"""Name of the backend that is chosen by device and dtype."""

BACKENDS = ["torch", "numba", "warp", "kaolin"]
"""Names of the backends there are; `hfb.render.register_backend` adds to them."""

NEAR_PLANE_M = 0.05
"""Faces with a vertex nearer than this are dropped: they are clipped by no renderer here."""

MAX_GRID_PX = 1e6
"""Faces with a vertex projected further out than this are dropped: float32 has lost the pixel."""

COVERAGE_RADIUS_PX = 0.5
"""Half the width of the coverage ramp: a pixel is one pixel wide."""

OCCLUSION_STEP_PX = 0.5
"""A surface this far behind an edge of the body, in pixels at that depth, is another surface.

Less is a fold of the same one, where both sides have the same colour but for rounding.
"""

CONTOUR_CUTOFF_SIGMAS = 4.0
"""exp(-4²/2) = 3e-4: the jump left at the end of the `contour` tail is below 8-bit colour."""


_RANGES: dict[str, Range] = {
    "num_threads": (1, 4096),
    "contour_sigma_px": (1e-3, 100.0),
    "sigmainv": (1e-3, 1e9),
    "boxlen": (1e-6, 2.0),
    "knum": (1, 10_000),
    "softness_px": (0.01, 100.0),
}


@dataclass(frozen=True)
class RenderSettings:
    """How silhouettes are softened and which backend renders them.

    Attributes:
        mode: `coverage` (default) is the anti-aliased silhouette: how far the visible outline is
            from a pixel's centre, through a ramp of ±½ pixel, unbiased in area; where one part of
            the body ends before another, both colours are mixed alike. `contour` puts a Gaussian
            tail of `contour_sigma_px` outside the silhouette. `dibr` is the paper's mask (DIB-R:
            the first `knum` faces in index order near a pixel), which inflates thin limbs.
        backend: `auto` takes numba for float32 on the CPU where it is installed, else torch.
            `torch` renders on any device, `warp` on the CPU and on CUDA with one source of
            compiled kernels. `kaolin` renders `dibr` on CUDA with the implementation the paper
            used, and nothing else: with it, `coverage` becomes `dibr`.
            `hfb.render.register_backend` adds others.
        num_threads: threads of the numba backend; None: as many as there are processors for this
            process, but no more than sub-frames.
        contour_sigma_px: standard deviation of the `contour` tail, px.
        rim: colour of `dibr` pixels that no face covers: `nearest` is that of the nearest covered
            pixel; `black` is DIB-R's own, which darkens the outline of composites.
        softness_px: `dibr`: width of the band that the mask adds around the body, px, instead of
            the next three, which it sets for the size of the image and the density of the mesh, so
            that it is the same at any resolution; None: those three as they are.
        sigmainv: sharpness of the `dibr` mask, exp(-sigmainv d²) with d in NDC ([-1, 1] on both
            axes). 7000 is the paper's renderer's default.
        boxlen: `dibr` only looks at faces whose bounding box enlarged by this holds the pixel, NDC.
        knum: `dibr` looks at no more than this many faces a pixel.
        perspective_correct: interpolate texture coordinates in space; False: affinely on the image.
        depth_gradient: let the perspective weights of the texture coordinates pass gradient to
            depth. The projection onto the image passes it in any case.
    """

    mode: Mode = "coverage"
    backend: str = AUTOMATIC
    num_threads: int | None = None
    contour_sigma_px: float = 1.0
    rim: Rim = "nearest"
    softness_px: float | None = None
    sigmainv: float = 7000.0
    boxlen: float = 0.02
    knum: int = 30
    perspective_correct: bool = True
    depth_gradient: bool = True

    def __post_init__(self) -> None:
        check_settings(self, "RenderSettings", _RANGES)
        if self.backend == "kaolin" and self.mode == "coverage":
            object.__setattr__(self, "mode", "dibr")
        if self.backend not in (AUTOMATIC, *BACKENDS):
            choices = ", ".join((AUTOMATIC, *BACKENDS))
            raise InputError(
                f"RenderSettings.backend must be one of {choices}, got {self.backend!r}"
            )
