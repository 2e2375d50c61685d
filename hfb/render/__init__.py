"""Differentiable rendering: textured body to appearance and soft silhouettes."""

from hfb.render.api import hard_silhouettes, render, render_exposure
from hfb.render.registry import Backend, register_backend, unregister_backend
from hfb.render.settings import RenderSettings

__all__ = [
    "Backend",
    "RenderSettings",
    "hard_silhouettes",
    "register_backend",
    "render",
    "render_exposure",
    "unregister_backend",
]
