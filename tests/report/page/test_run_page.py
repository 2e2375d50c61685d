"""`report.html` as a file: whole, without a network, and harmless whatever samples are called."""

import json
import re
from pathlib import Path

import pytest

import hfb
from hfb.evaluate.records import read_csv, write_csv
from hfb.report.page import CARD_NAME, PAGE_NAME, run_page, write_run_page, write_sample_page
from hfb.report.page.paper import PAPER_ERROR_MM, PAPER_IOU

ASSETS = "hfb/report/page/assets"


def part(page: Path, name: str) -> dict:
    """The data of a page, by the element that holds them."""
    found = re.search(rf'<script [^>]*id="{name}">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found
    return json.loads(found[1])


def cards_of(page: Path) -> list[dict]:
    return [
        json.loads(text) for text in re.findall(r'class="card">(.*?)</script>', page.read_text())
    ]


def test_it_holds_everything_and_may_ask_no_network(saved: Path, fit: hfb.Fit) -> None:
    page = saved / PAGE_NAME
    text = page.read_text()
    assert "default-src 'none'" in text
    assert not re.search(r"""(?:src|href)=["']?(?:https?:|//)""", text)
    assert "{{" not in text
    (card,) = cards_of(page)
    assert card["sample_id"] == fit.result.item.sample.sample_id
    assert page.stat().st_size < 1_000_000
    assert {path.name for path in saved.iterdir()} >= {"samples", "per_sample.csv", PAGE_NAME}


def test_the_same_body_is_held_once(many: Path) -> None:
    page = many / PAGE_NAME
    assert len(part(page, "run")["surfaces"]) == 1
    assert all("surfaces" not in card for card in cards_of(page))


def test_of_many_samples_the_worst_and_the_best_are_drawn(many: Path) -> None:
    page = many / PAGE_NAME
    run, drawn = part(page, "run"), [card["sample_id"] for card in cards_of(page)]
    assert run["ranked"] == [f"s{k:02d}" for k in reversed(range(14))]
    assert drawn == [*run["ranked"][:6], *run["ranked"][-6:]]
    assert len(run["rows"]) == 14


def test_the_others_have_small_pictures_and_pages_of_their_own(paged: Path) -> None:
    run = part(paged / PAGE_NAME, "run")
    others = run["ranked"][6:8]
    assert sorted(run["thumbnails"]) == sorted(run["pages"]) == sorted(others)
    assert all(len(picture) < 6000 for picture in run["thumbnails"].values())
    own = paged / "samples" / others[0] / PAGE_NAME
    (card,) = cards_of(own)
    assert card["sample_id"] == others[0]
    assert part(own, "run")["surfaces"]
    assert [row["sample_id"] for row in part(own, "run")["rows"]] == [others[0]]


def test_the_page_stays_small_whatever_the_number(
    paged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_page, "MOST_CARDS", 2)
    monkeypatch.setattr(run_page, "MOST_THUMBNAILS", 3)
    write_run_page(paged)
    run = part(paged / PAGE_NAME, "run")
    assert len(cards_of(paged / PAGE_NAME)) == 2
    assert list(run["thumbnails"]) == run["ranked"][1:4], "the worst of them"
    assert len(run["pages"]) == 12


def test_a_sample_without_a_card_has_no_page(paged: Path) -> None:
    folder = paged / "samples" / "s00"
    for name in (CARD_NAME, PAGE_NAME):
        (folder / name).unlink()
    write_sample_page(folder, [])
    assert not (folder / PAGE_NAME).exists()


def test_rows_without_a_result_are_not_ranked(many: Path) -> None:
    rows = read_csv(many / "per_sample.csv")
    rows.append({**dict.fromkeys(rows[0], ""), "sample_id": "broken"})
    write_csv(many / "per_sample.csv", rows)
    write_run_page(many)
    assert "broken" not in part(many / PAGE_NAME, "run")["ranked"]


def test_hostile_names_end_no_element(many: Path) -> None:
    rows = read_csv(many / "per_sample.csv")
    rows[0]["warnings"] = "</script><script>alert(1)</script>&lt;"
    write_csv(many / "per_sample.csv", rows)
    write_run_page(many)
    text = (many / PAGE_NAME).read_text()
    assert "alert(1)</script>" not in text
    assert part(many / PAGE_NAME, "run")["rows"][0]["warnings"] == rows[0]["warnings"]


def test_damaged_and_missing_cards_are_left_out(many: Path) -> None:
    (many / "samples" / "s13" / CARD_NAME).write_text("{")
    (many / "samples" / "s12" / CARD_NAME).unlink()
    write_run_page(many)
    drawn = [card["sample_id"] for card in cards_of(many / PAGE_NAME)]
    assert "s13" not in drawn
    assert len(drawn) == 10


def test_there_is_no_page_without_results(tmp_path: Path) -> None:
    assert write_run_page(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [1, 2])
def test_the_papers_curves_are_those_of_the_documentation(repo: Path, number: int) -> None:
    table = json.loads((repo / "docs" / "results" / f"table{number}.json").read_text())
    (row,) = (row for row in table["rows"] if row["label"] == "paper: HfB")
    pairs = [cell.split(" / ") for cell in row["cells"] if "/" in cell]
    assert PAPER_ERROR_MM[f"table{number}"] == tuple(float(error) for error, _ in pairs)
    assert PAPER_IOU[f"table{number}"] == tuple(float(overlap) for _, overlap in pairs)


def test_three_js_is_the_version_that_its_tool_names(repo: Path) -> None:
    first = (repo / ASSETS / "three.min.js").read_text().partition("\n")[0]
    tool = (repo / "tools" / "bundle_three.py").read_text()
    version = re.search(r'"three": "([\d.]+)"', tool)
    assert version
    assert first.startswith(f"/* three.js {version[1]}, MIT licence")
    licence = (repo / ASSETS / "three.LICENSE.txt").read_text()
    assert "MIT License" in licence
    assert "three.js authors" in licence
