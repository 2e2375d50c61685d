"""Read pickles of plain containers and numpy arrays; anything else in one is refused."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from hfb.errors import InputError
from hfb.files.images import existing_file

MAX_BYTES = 512 * 2**20
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Only what numpy arrays are rebuilt with; a pickle can otherwise run any program."""
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)


def read_pickled_arrays(path: str | Path, what: str) -> dict[str, Any]:
    """A pickled dictionary of arrays.

    Args:
        path: the file.
        what: the word for it in errors.

    Raises:
        InputError: if it is missing, damaged, too large, no dictionary, or holds anything but
            containers, numbers, text and arrays.
    """
    path = existing_file(path, what)
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"the {what} {path} is larger than {MAX_BYTES >> 20} MB")
    try:
        with path.open("rb") as file:
            content = _Unpickler(file, encoding="latin1").load()
    except Exception as error:  # a damaged pickle raises all kinds of errors
        raise InputError(f"the {what} {path} is no pickle of plain arrays: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"the {what} {path} holds no dictionary")
    return content
