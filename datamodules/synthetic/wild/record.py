"""What only the maker of a photo knows, beside its sample: `world.json` and the true matte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from datamodules.synthetic.wild.draw import WildScene
from hfb.export import atomic_write, write_image
from hfb.files.json_file import read_json

WORLD_NAME = "world.json"
MATTE_NAME = "true_matte.png"
"""Not `alpha_000.png`: programs shall find the matte themselves."""

_MAX_BYTES = 2**20


def write_world(folder: Path, scene: WildScene) -> None:
    """Write which ingredients a photo has, with their numbers, and the matte of the first photo.

    Args:
        folder: of the sample.
        scene: the photo.
    """
    write_image(folder / MATTE_NAME, scene.exposure.alpha, bits=16)
    content = {"ingredients": dict(scene.mix.strengths), "details": scene.details}
    with atomic_write(folder / WORLD_NAME) as part:
        part.write_text(json.dumps(content, indent=1) + "\n")


def read_world(folder: Path) -> dict[str, Any]:
    """What `write_world` has written; empty where there is nothing.

    Args:
        folder: of the sample.

    Raises:
        InputError: if the file is damaged.
    """
    path = folder / WORLD_NAME
    if not path.is_file():
        return {}
    content = read_json(path, "world record", _MAX_BYTES)
    return content if isinstance(content, dict) else {}
