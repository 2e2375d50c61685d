"""Pickles of plain containers and arrays; anything else in one is refused by name.

A pickle runs code when it is read. Body files and other programs' results are pickles nevertheless,
so they go through an unpickler with one list of what may be asked for.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from hfb.errors import InputError
from hfb.files.images import existing_file

MAX_BYTES = 512 * 2**20
_CONTAINERS = ("set", "frozenset", "dict", "list", "tuple", "slice", "object")
# numpy keeps the builders of its arrays in numpy._core since version 2, in numpy.core before;
# `_frombuffer` is protocol 5's.
_BUILDERS = (
    ("multiarray", "_reconstruct"),
    ("multiarray", "scalar"),
    ("numeric", "_frombuffer"),
)
ALLOWED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    *((f"numpy.{core}.{module}", name) for core in ("core", "_core") for module, name in _BUILDERS),
    ("_codecs", "encode"),
    ("copy_reg", "_reconstructor"),
    ("copyreg", "_reconstructor"),
    ("collections", "OrderedDict"),
    *((module, name) for module in ("__builtin__", "builtins") for name in _CONTAINERS),
}
_SPARSE = {f"{layout}_{kind}" for layout in ("csc", "csr", "coo") for kind in ("matrix", "array")}


class ArrayUnpickler(pickle.Unpickler):
    """Knows arrays, sparse matrices and containers; refuses all else.

    Args:
        file: to read from.
    """

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, encoding="latin1")

    def find_class(self, module: str, name: str) -> Any:
        """What a pickle asks for, if it is on the list.

        Raises:
            pickle.UnpicklingError: if it is not.
        """
        if name == "bytes" and module in ("__builtin__", "builtins"):
            return _bytes  # how protocol 2 says b"", of an empty array for example
        if module.startswith("scipy.sparse") and name in _SPARSE:
            import scipy.sparse

            return getattr(scipy.sparse, name)
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which could run code")
        if hasattr(np, "_core"):
            module = module.replace("numpy.core", "numpy._core")
        else:
            module = module.replace("numpy._core", "numpy.core")
        return super().find_class(module, name)


def _bytes(*content: Any) -> bytes:
    """`bytes` without its meaning for numbers: so many zeros."""
    if any(isinstance(part, int) for part in content):
        raise pickle.UnpicklingError("it asks for bytes of a given length")
    return bytes(*content)


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
        content = ArrayUnpickler(io.BytesIO(path.read_bytes())).load()
    except Exception as error:  # a damaged pickle raises all kinds of errors
        raise InputError(f"the {what} {path} is no pickle of plain arrays: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"the {what} {path} holds no dictionary")
    return content
