"""docs/EQUATIONS.md names functions that exist and functions name their equation."""

import importlib
import re
from functools import reduce

import pytest
import yaml


@pytest.fixture(scope="module")
def page(repo):
    return (repo / "docs" / "EQUATIONS.md").read_text()


def _rows(page):
    """Cells of the table's rows by equation number."""
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in page.splitlines()]
    rows = {row[0].strip(): [cell.strip() for cell in row] for row in cells if len(row) == 4}
    return {int(number): row for number, row in rows.items() if number.isdigit()}


def _resolve(name):
    """The object of a dotted name: the longest importable prefix, then attributes."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            module = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        return reduce(getattr, parts[cut:], module)
    raise AssertionError(f"no module in {name}")


def _names(text):
    return re.findall(r"`(hfb(?:\.\w+)+)`", text)


def test_every_equation_has_one_row(page):
    assert sorted(_rows(page)) == list(range(1, 13))


def test_every_named_function_exists(page):
    names = _names(page)
    assert len(names) > 20
    for name in names:
        assert callable(_resolve(name)), name


def test_every_row_names_a_function(page):
    for number, row in _rows(page).items():
        assert _names(row[2]), number


def test_the_functions_name_their_equation(page):
    for number, row in _rows(page).items():
        docs = [_resolve(name).__doc__ or "" for name in _names(row[2])]
        mentions = [doc for doc in docs if re.search(rf"eq\. \(?{number}\b", doc, re.IGNORECASE)]
        assert mentions, f"no function of eq. {number} says so"


def _switches(text):
    """Settings named directly behind each mark, one list a mark."""
    text = " ".join(text.split())
    marks = re.findall(r"\*\*\[paper variant\]\*\*((?:,? `\w+: [^`]+`)*)", text)
    return [re.findall(r"`(\w+): ([^`]+)`", mark) for mark in marks]


def _not_set(text, config):
    """What keeps a configuration from being all paper variants of a page."""
    refine = config["model"]["refine"]
    flat = {**refine, **refine["stages"][0], **config["model"]["render"]}
    problems = []
    for switches in _switches(text):
        if not switches:
            problems.append("a paper variant that names no setting")
        for key, value in switches:
            if flat.get(key) != yaml.safe_load(value):
                problems.append(f"{key} is {flat.get(key)}, not {value}")
    return problems


def test_the_shipped_config_sets_every_paper_variant(page, repo):
    config = yaml.safe_load((repo / "lightning_configs" / "paper.yaml").read_text())
    table = page.split("| eq. |")[1]  # what stands before it says what the mark means
    assert len(_switches(table)) >= 17
    assert _not_set(table, config) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Ours. **[paper variant]** `degree: 9` |", "degree is None, not 9"),
        ("Ours. **[paper variant]** `mode: dibr`, `knum: 5`", "knum is None, not 5"),
        ("Ours. **[paper variant]** `max_steps=1` |", "names no setting"),
        ("Ours. **[paper variant]** by hand", "names no setting"),
    ],
)
def test_the_walk_finds_what_is_not_set(text, problem):
    config = {"model": {"refine": {"stages": [{}]}, "render": {"mode": "dibr"}}}
    (found,) = _not_set(text, config)
    assert problem in found
