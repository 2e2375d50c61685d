"""The folders of files that are not code."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """The user cache: `$XDG_CACHE_HOME/hfb`, else `~/.cache/hfb`."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "hfb"


def checkpoints_dir() -> Path:
    """The shipped checkpoints."""
    return _shipped("checkpoints")


def configs_dir() -> Path:
    """The shipped configurations."""
    return _shipped("lightning_configs")


def search_places() -> list[Path]:
    """Folders in the order in which they are searched."""
    places = [checkpoints_dir(), cache_dir()]
    if os.environ.get("HFB_ASSETS"):
        places.insert(0, Path(os.environ["HFB_ASSETS"]))
    return places


def _shipped(name: str) -> Path:
    """A folder that comes with the code: inside an installed package, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / name
    return inside if inside.is_dir() else package.parent / name
