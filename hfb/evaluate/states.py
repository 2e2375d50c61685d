"""What became of each photo of a run, as its table says it: also of those without a result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from hfb.evaluate.records import Record, rows_of
from hfb.structures import BrokenSample

PhotoState = Literal["done", "unexplained", "broken", "failed"]
"""Fitted; fitted, but a warning says that the result explains nothing; its files cannot be used;
the method found nothing."""

COLUMNS = (
    "sample_id",
    "state",
    "source",
    "method",
    "reblur_psnr_db",
    "matte_iou",
    "refreshed_matte_iou",
    "risk",
    "sure",
    "warnings",
    "seconds",
    "init_reblur_psnr_db",
    "init_matte_iou",
    "reason",
)
"""Of the table: all that is known without the truth."""


def rows_of_photos(
    records: Sequence[Record], unusable: Sequence[BrokenSample]
) -> list[dict[str, str]]:
    """One row a photo, by name.

    Args:
        records: of the photos with a result; the first method's counts.
        unusable: the others.
    """
    rows = [_row_of(record) for record in records]
    rows += [
        _only_columns(
            {
                "sample_id": broken.sample_id,
                "state": broken.kind,
                "source": broken.source,
                "reason": broken.reason,
            }
        )
        for broken in unusable
    ]
    return sorted(rows, key=lambda row: row["sample_id"])


def _row_of(record: Record) -> dict[str, str]:
    row = rows_of(record)[0]
    is_useless = record["methods"][row["method"]].get("explains_nothing", False)
    state = "unexplained" if is_useless else "done"
    return _only_columns({**row, "state": state, "source": record["source"]})


def _only_columns(values: dict[str, str]) -> dict[str, str]:
    return {name: values.get(name, "") for name in COLUMNS}
