"""What happens to files on the way: bytes cut off, changed, lost, doubled, exchanged."""

from __future__ import annotations

from pathlib import Path

from fuzz.case import Bench


def damaged(bench: Bench, path: Path) -> tuple[str, bool]:
    """Damage a file in place.

    Args:
        bench: of the case.
        path: the file; it is changed.

    Returns:
        What was done, and whether nothing can be made of the rest.
    """
    content = bytearray(path.read_bytes())
    rng, size = bench.rng, len(content)
    how = bench.pick("cut off", "head lost", "bytes changed", "bytes lost", "zeros", "another's")
    if how == "cut off":
        content = content[: int(rng.integers(0, max(1, size // 2)))]
    elif how == "head lost":
        content = content[int(rng.integers(8, max(9, size // 2))) :]
    elif how == "bytes changed":
        for place in rng.integers(0, size, int(rng.integers(1, 30))):
            content[int(place)] = int(rng.integers(256))
    elif how == "bytes lost":
        start = int(rng.integers(0, size))
        del content[start : start + int(rng.integers(1, 200))]
    elif how == "zeros":
        start = int(rng.integers(0, size))
        length = min(int(rng.integers(1, 2000)), size - start)
        content[start : start + length] = bytes(length)
    else:
        others = sorted(p for p in bench.good.iterdir() if p.is_file() and p.suffix != path.suffix)
        kinds = {".jpg", ".png", ".tif"}  # told by their content, whatever they are called
        others = [p for p in others if not {p.suffix, path.suffix} <= kinds]
        content = bytearray(others[int(rng.integers(len(others)))].read_bytes())
    path.write_bytes(content)
    return how, how in ("cut off", "head lost", "another's")
