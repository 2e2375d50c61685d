"""Names that libraries written in C can open."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def utf8_path(path: Path) -> Iterator[Path]:
    """A way to a file or folder whose name is text; FFmpeg and TensorBoard know no other names.

    Names that are not UTF-8 exist where there are symbolic links, which lead around them.

    Args:
        path: that is to be opened.

    Yields:
        The path itself where it is text, else one through a link, for as long as it is needed.
    """
    if _is_text(str(path)):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="hfb-") as scratch:
        link = Path(scratch) / "link"
        if _is_text(path.name):  # the folder's name is at fault: the file need not be there yet
            link.symlink_to(os.path.abspath(path.parent))
            yield link / path.name
        else:
            link = link.with_suffix(path.suffix if _is_text(path.suffix) else "")
            link.symlink_to(os.path.abspath(path))
            yield link


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
