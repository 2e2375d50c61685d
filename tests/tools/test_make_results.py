"""The results page is what its tool makes of the committed tables."""

import json

import pytest

from hfb.errors import InputError


@pytest.fixture(autouse=True)
def _tools_on_path(repo, monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(repo / "tools"))


TABLE = {
    "title": "a title",
    "paper_table": None,
    "data": "ten samples",
    "command": "python run_hfb.py test",
    "measured": "MPJPE.",
    "columns": ["blur rate", "0–.2", "all"],
    "rows": [
        {"label": "start", "cells": ["70.0", "71"]},
        {"label": "ours", "cells": ["50.10", "–"], "is_ours": True},
        {"label": "theirs", "cells": ["1", "2"], "from_paper": True},
    ],
    "notes": ["Lower is better."],
}


def _write(folder, name="one.json", **changes):
    content = {key: value for key, value in {**TABLE, **changes}.items() if value != "absent"}
    path = folder / name
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_the_committed_page_is_the_tools_output(repo, tmp_path):
    from make_results import main

    main(["--output", str(tmp_path / "page.md")])
    made = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert made == (repo / "docs" / "RESULTS.md").read_text(encoding="utf-8")


def test_every_table_of_the_paper_is_there(repo):
    from make_results import read_tables

    numbers = [table.paper_table for table in read_tables(repo / "docs" / "results")]
    assert [number for number in numbers if number is not None] == [1, 2, 3, 4, 5]
    assert numbers[5:] == [None] * (len(numbers) - 5)


def test_a_table_becomes_a_section_with_every_digit(tmp_path):
    from make_results import read_table, results_page

    page = results_page([read_table(_write(tmp_path))])
    assert page.endswith(
        """
## a title

- **Data:** ten samples
- **Command:** `python run_hfb.py test`
- **Measured:** MPJPE. Lower is better.

| blur rate | 0–.2 | all |
|---|---|---|
| start | 70.0 | 71 |
| **ours** | 50.10 | – |
| *theirs* | *1* | *2* |
"""
    )


def test_tables_of_the_paper_come_first_by_number(tmp_path):
    from make_results import read_tables

    _write(tmp_path, "a.json", title="other")
    _write(tmp_path, "b.json", title="second", paper_table=2)
    _write(tmp_path, "c.json", title="first", paper_table=1)
    assert [table.title for table in read_tables(tmp_path)] == ["first", "second", "other"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"command": "absent"}, "missing keys: command"),
        ({"colour": "red"}, "unknown or missing keys: colour"),
        ({"rows": [{"label": "start", "cells": ["1"]}]}, "'start': 1 cells for 2 columns"),
        ({"rows": [{"label": "start", "values": ["1", "2"]}]}, "'start': .* cells, values"),
        ({"rows": []}, "no rows"),
        ({"notes": ["a | b"]}, "without a vertical bar"),
        ({"measured": "two\nlines"}, "one line"),
        ({"rows": [{"label": "start", "cells": ["1", 2.50]}]}, "every text"),
    ],
)
def test_a_table_that_does_not_fit_together_is_refused(tmp_path, changes, words):
    from make_results import read_table

    with pytest.raises(InputError, match=f"one.json.*{words}"):
        read_table(_write(tmp_path, **changes))


def test_no_tables_and_no_json_are_refused(tmp_path):
    from make_results import read_table, read_tables

    with pytest.raises(InputError, match="no tables"):
        read_tables(tmp_path)
    (tmp_path / "bad.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"bad.json is no JSON"):
        read_table(tmp_path / "bad.json")
