"""The user's JSON files; every fault is one clear line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hfb.errors import InputError
from hfb.files.images import existing_file

MAX_BYTES = 2**20


def read_json(path: str | Path, what: str, max_bytes: int = MAX_BYTES) -> Any:
    """The content of a JSON file.

    Args:
        path: the file.
        what: the word for it in errors.
        max_bytes: refuse larger files.

    Raises:
        InputError: if it is missing, too large, or no JSON; says where we looked.
    """
    path = existing_file(path, what)
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise InputError(
                f"the {what} {path} has {size} bytes; more than {max_bytes} are not read"
            )
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise InputError(f"the {what} {path} is no JSON: it is nested too deeply") from error
    except (ValueError, OSError) as error:
        raise InputError(f"the {what} {path} is no JSON: {error}") from error
