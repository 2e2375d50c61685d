"""Differentiable rendering: textured body to appearance and soft silhouettes."""

from hfb.render.api import hard_silhouettes, render, render_exposure
from hfb.render.settings import RenderSettings

__all__ = ["RenderSettings", "hard_silhouettes", "render", "render_exposure"]
