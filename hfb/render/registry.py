"""Which backends can draw a scene: one signature, one table of names, one automatic choice."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hfb.errors import InputError
from hfb.render.scene import Scene
from hfb.render.settings import AUTOMATIC, BACKENDS, RenderSettings


@runtime_checkable
class Backend(Protocol):
    """What draws a checked scene: a module or an object with these four functions."""

    def check(self, scene: Scene, settings: RenderSettings) -> None:
        """Say whether this backend can draw a scene; called before each image.

        Args:
            scene: what is to be drawn.
            settings: how.

        Raises:
            InputError: if it cannot: why, and what can.
        """

    def render_exposure(
        self, scene: Scene, settings: RenderSettings
    ) -> tuple[Float[Tensor, "S C H W"], Float[Tensor, "S 1 H W"], Bool[Tensor, "S F"]]:
        """Mean over the sub-frames: premultiplied colour, silhouette, faces seen at all.

        Args:
            scene: what is drawn; the result is differentiable in its vertices and texture.
            settings: mode of the silhouette.
        """

    def render_layers(
        self, scene: Scene, settings: RenderSettings
    ) -> tuple[Float[Tensor, "S N C H W"], Float[Tensor, "S N 1 H W"], Bool[Tensor, "S F"]]:
        """Straight colour and silhouette of each sub-frame, faces seen in any of them.

        Args:
            scene: what is drawn; the result is differentiable in its vertices and texture.
            settings: mode of the silhouette.
        """

    def hard_silhouettes(self, scene: Scene, settings: RenderSettings) -> Bool[Tensor, "S N H W"]:
        """Whether a front face covers the centre of each pixel.

        Args:
            scene: without a texture of its own.
            settings: the mode plays no part, so `check` is not asked before.

        Raises:
            InputError: if this backend cannot tell.
        """


_Loader = Callable[[], Backend]


def _load_torch() -> Backend:
    from hfb.render.torch import backend

    return backend


def _load_numba() -> Backend:
    if not _has_numba():
        raise InputError(
            "RenderSettings.backend is 'numba', which is not installed: pip install numba, or use "
            "'torch'"
        )
    from hfb.render.numba import backend

    return backend


def _load_warp() -> Backend:
    if importlib.util.find_spec("warp") is None:
        raise InputError(
            "RenderSettings.backend is 'warp', which is not installed: pip install '.[warp]' (the "
            "package warp-lang), or use 'auto'"
        )
    from hfb.render.warp import backend

    return backend


def _load_kaolin() -> Backend:
    from hfb.render import kaolin_backend

    return kaolin_backend


_loaders: dict[str, _Loader] = {
    "torch": _load_torch,
    "numba": _load_numba,
    "warp": _load_warp,
    "kaolin": _load_kaolin,
}


def register_backend(name: str, load: Callable[[], Backend]) -> None:
    """Let `RenderSettings.backend` name one more backend.

    Args:
        name: what settings call it.
        load: makes it (a class without arguments will do); called when the backend is first used,
            so that what it needs is imported no sooner.

    Raises:
        InputError: if the name is taken.
    """
    if name in (AUTOMATIC, *BACKENDS):
        raise InputError(f"there is a rendering backend {name!r} already: choose another name")
    _loaders[name] = load
    BACKENDS.append(name)


def unregister_backend(name: str) -> None:
    """Take back what `register_backend` did.

    Args:
        name: of a registered backend.
    """
    del _loaders[name]
    BACKENDS.remove(name)
    _load.cache_clear()


def choose_backend(scene: Scene, settings: RenderSettings) -> Backend:
    """The backend that the settings name; the automatic one fits the device and dtype.

    Args:
        scene: what is to be drawn.
        settings: name the backend.

    Raises:
        InputError: if it is not installed.
    """
    if settings.backend != AUTOMATIC:
        return _load(settings.backend)
    verts = scene.verts
    suits_numba = verts.device.type == "cpu" and verts.dtype == torch.float32
    return _load("numba" if suits_numba and _has_numba() else "torch")


def check_rim(backend: Backend, settings: RenderSettings) -> None:
    """Refuse a rim of mode `dibr` that a backend does not draw.

    A backend names those that it does in `RIMS`; one without it draws the black one alone, which is
    what a mask beside an image comes to.

    Args:
        backend: the chosen one.
        settings: name the rim.

    Raises:
        InputError: says what can be chosen.
    """
    rims = getattr(backend, "RIMS", ("black",))
    if settings.mode == "dibr" and settings.rim not in rims:
        raise InputError(
            f"RenderSettings.rim is {settings.rim!r}, which the {settings.backend!r} backend does "
            f"not draw in mode 'dibr': choose {' or '.join(rims)}, or the backend auto"
        )


@cache
def _load(name: str) -> Backend:
    return _loaders[name]()


@cache
def _has_numba() -> bool:
    return importlib.util.find_spec("numba") is not None
