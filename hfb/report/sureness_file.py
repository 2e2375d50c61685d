"""`sureness.json` beside a motion: how sure each photo's result is, joint by joint."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from hfb.evaluate.trust.guard import Verdict
from hfb.export import atomic_write

SURENESS_NAME = "sureness.json"


def write_sureness(folder: Path, photos: Sequence[Verdict]) -> None:
    """Write what is known of how near the truth a result is; nothing where nobody judged it.

    Args:
        folder: of the result; exists.
        photos: the verdict on each photo, in the order of time.
    """
    if not photos:
        return
    content = {"format": "hfb-verdict", "version": 1, "photos": [asdict(own) for own in photos]}
    with atomic_write(folder / SURENESS_NAME) as part:
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
