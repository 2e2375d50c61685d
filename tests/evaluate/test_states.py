"""The table of a folder of photos."""

from dataclasses import asdict

from hfb.evaluate.results import FitMetrics
from hfb.evaluate.states import COLUMNS, rows_of_photos
from hfb.structures import BrokenSample


def record(name: str, **changed: object) -> dict:
    metrics = asdict(FitMetrics(reblur_psnr_db=30.0, matte_iou=0.9))
    guard = [{"risk": 0.2, "sure": 0.9, "unexplained": 0.5, "is_held": False}]
    own = {**metrics, "seconds": 2.0, "warnings": ["held_to_start"], "guard": guard, **changed}
    return {
        "sample_id": name, "frames": 1, "blur_rate": None, "source": f"/photos/{name}.jpg",
        "initial": metrics, "methods": {"hfb": own},
    }  # fmt: skip


def test_every_photo_has_a_row_and_a_state() -> None:
    records = [record("d"), record("b", explains_nothing=True)]
    unusable = [
        BrokenSample("c", "nobody", "failed", "/photos/c.jpg"),
        BrokenSample("a", "no image", "broken", "/photos/a.jpg"),
    ]
    rows = rows_of_photos(records, unusable)
    assert [row["sample_id"] for row in rows] == ["a", "b", "c", "d"]
    assert [row["state"] for row in rows] == ["broken", "unexplained", "failed", "done"]
    assert all(tuple(row) == COLUMNS for row in rows)
    assert {row["source"] for row in rows} == {f"/photos/{name}.jpg" for name in "abcd"}
    assert rows[2]["reason"] == "nobody"
    assert rows[3]["reason"] == ""


def test_a_row_has_the_numbers_that_need_no_truth() -> None:
    (row,) = rows_of_photos([record("a")], [])
    told = {name: row[name] for name in ("reblur_psnr_db", "matte_iou", "risk", "sure", "seconds")}
    assert told == {
        "reblur_psnr_db": "30.0000",
        "matte_iou": "0.9000",
        "risk": "0.2000",
        "sure": "0.9000",
        "seconds": "2.0000",
    }
    assert row["init_matte_iou"] == "0.9000"
    assert row["warnings"] == "held_to_start"
    assert not any("mpjpe" in name for name in row)
