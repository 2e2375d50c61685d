"""Human from Blur: the 3D body and its motion inside the exposure, from blurry photos.

`hfb.fit` is all that most need: see docs/API.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hfb.cli.stopping import begin_program_of

if TYPE_CHECKING:
    from hfb.api import Fit, fit
    from hfb.errors import HfbError
    from hfb.structures import BlurSample, Camera

__version__ = "0.1.0"

__all__ = ["BlurSample", "Camera", "Fit", "HfbError", "fit"]

_PLACES = {
    "BlurSample": "hfb.structures",
    "Camera": "hfb.structures",
    "Fit": "hfb.api",
    "HfbError": "hfb.errors",
    "fit": "hfb.api",
}

begin_program_of(__name__)


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: torch and Lightning take seconds."""
    if name not in _PLACES:
        raise AttributeError(f"module 'hfb' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    """What is public."""
    return sorted([*__all__, "__version__"])
