"""A table that says for each photo of a folder where to look: `file,x0,y0,x1,y1`."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from hfb.errors import InputError

Region = tuple[int, int, int, int]
"""Left, top, right, bottom, px, end exclusive."""

_EDGES = ("x0", "y0", "x1", "y1")
COLUMNS = ("file", *_EDGES)
"""Of the table; further ones are refused, as they would have no effect."""


def read_regions(table: str | Path, photos: Sequence[Path]) -> dict[Path, Region]:
    """Read where to look in the photos of a folder.

    Args:
        table: a CSV file with a head line; `file` is a photo's name, with or without its ending.
        photos: of the folder.

    Returns:
        The regions by photo; photos without a row, or with four empty cells, are left out.

    Raises:
        InputError: names the line that cannot be used: an unknown photo, two rows for one photo, no
            whole numbers, an empty rectangle.
    """
    table = Path(table)
    regions: dict[Path, Region] = {}
    told: dict[Path, int] = {}
    for number, row in _rows(table):
        where = f"line {number} of {table}"
        photo = _photo_of(row["file"], photos, where)
        if photo in told:
            raise InputError(f"{where}: {photo.name} has had a row in line {told[photo]}")
        told[photo] = number
        cells = [row[edge] for edge in _EDGES]
        if any(cells):
            regions[photo] = _region_of(cells, where)
    return regions


def _rows(table: Path) -> list[tuple[int, dict[str, str]]]:
    """The rows with their lines' numbers, cells stripped."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            head = [(name or "").strip() for name in reader.fieldnames or ()]
            if set(head) != set(COLUMNS):
                raise InputError(
                    f"{table} begins with {','.join(head) or 'nothing'!r}, not with the columns "
                    f"{','.join(COLUMNS)}"
                )
            reader.fieldnames = head
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"the table of regions {table} cannot be read ({error}); give four numbers "
            "[x0,y0,x1,y1], or a CSV file"
        ) from error
    for number, row in rows:
        if None in row or None in row.values():
            raise InputError(f"line {number} of {table} has not {len(COLUMNS)} cells")
    return [(number, {key: cell.strip() for key, cell in row.items()}) for number, row in rows]


def _photo_of(name: str, photos: Sequence[Path], where: str) -> Path:
    """The photo of that name; raises unless there is just one."""
    found = [path for path in photos if path.name == name]
    found = found or [path for path in photos if path.stem == name]
    if len(found) != 1:
        problem = "there is no photo" if not found else "there are several photos"
        raise InputError(f"{where}: {problem} of the name {name!r} in the folder")
    return found[0]


def _region_of(cells: Sequence[str], where: str) -> Region:
    try:
        left, top, right, bottom = (int(cell) for cell in cells)
    except ValueError as error:
        raise InputError(
            f"{where}: {','.join(cells)!r} should be four whole numbers of px, x0,y0,x1,y1"
        ) from error
    if not (0 <= left < right and 0 <= top < bottom):
        raise InputError(f"{where}: {','.join(cells)} should have 0 <= x0 < x1 and 0 <= y0 < y1")
    return left, top, right, bottom
