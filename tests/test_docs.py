"""The documents are short where they promise it, and what they name exists."""

import importlib
import importlib.util
import re
from functools import reduce
from pathlib import Path

import pytest
import yaml

REPO = Path(__file__).resolve().parents[1]
PAGES = [
    REPO / "README.md",
    REPO / "CONTRIBUTING.md",
    REPO / "CHANGELOG.md",
    REPO / "checkpoints" / "README.md",
    *sorted((REPO / "docs").rglob("*.md")),
]
FOLDERS = "hfb|datamodules|tools|benchmarks|tests|docs|lightning_configs|checkpoints"


def _links(text: str) -> list[str]:
    """Targets of links and images that are no addresses, without their anchors."""
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    return [t.split("#")[0] for t in targets if "://" not in t and not t.startswith("#")]


def _modules(text: str) -> list[str]:
    return re.findall(r"python -m ([\w.]+\w)", text)


def _paths(text: str) -> list[str]:
    """Files with an ending, and folders, below the repository's own folders."""
    found = re.findall(
        rf"(?<![\w/.-])((?:{FOLDERS})/[\w./-]*(?:\.(?:py|yaml|md|npz|ckpt|json)|/))", text
    )
    scripts = re.findall(r"python (\w+\.py)", text)
    return [path for path in found if "/X/" not in path] + scripts


def _is_runnable(module: str) -> bool:
    """Whether `python -m` finds something to run: a file, or a package with a `__main__`."""
    if module.split(".")[0] not in {"hfb", "datamodules"}:
        return importlib.util.find_spec(module) is not None
    place = REPO.joinpath(*module.split("."))
    return place.with_suffix(".py").is_file() or (place / "__main__.py").is_file()


def _resolve(name: str) -> object:
    """The object of a dotted name: the longest importable prefix, then attributes."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            module = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        return reduce(getattr, parts[cut:], module)
    raise AttributeError(f"no module in {name}")


def _page_name(page: Path) -> str:
    return page.relative_to(REPO).as_posix()


@pytest.fixture(params=PAGES, ids=_page_name)
def page(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.mark.parametrize(("name", "most"), [("README.md", 150), ("docs/RESULTS.md", 130)])
def test_the_pages_that_everybody_reads_are_short(name, most):
    assert len((REPO / name).read_text(encoding="utf-8").splitlines()) <= most


def test_every_link_leads_somewhere(page):
    links = _links(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_module_that_is_run_exists(page):
    modules = _modules(page.read_text(encoding="utf-8"))
    assert [module for module in modules if not _is_runnable(module)] == []


def test_every_path_that_is_named_exists(page):
    paths = _paths(page.read_text(encoding="utf-8"))
    assert [path for path in paths if not (REPO / path).exists()] == []


def test_every_class_and_function_that_is_named_exists(page):
    text = page.read_text(encoding="utf-8")
    names = re.findall(r"`(hfb(?:\.\w+)+)`", text)
    names += re.findall(r"--data (datamodules(?:\.\w+)+)", text)
    for name in names:
        assert _resolve(name) is not None, name


def test_the_checks_find_what_they_are_for():
    text = (
        "[a](docs/a.md#part) ![b](b.png) [c](https://x.org/c) `python -m hfb.assets fetch`\n"
        "`hfb/render/gone.py`, tests/render/ and python run_hfb.py, `hfb/X/`, ../docs/a.md"
    )
    assert _links(text) == ["docs/a.md", "b.png"]
    assert _modules(text) == ["hfb.assets"]
    assert _paths(text) == ["docs/a.md", "hfb/render/gone.py", "tests/render/", "run_hfb.py"]
    assert _is_runnable("hfb.assets")
    assert _is_runnable("datamodules.synthetic")
    assert not _is_runnable("hfb.lifting")
    assert not _is_runnable("hfb.losses")  # a package, but nothing to run
    with pytest.raises(AttributeError):
        _resolve("hfb.losses.gone")


def test_the_readme_names_the_commands_and_pages_of_a_newcomer():
    text = (REPO / "README.md").read_text(encoding="utf-8")
    pages = {"docs/API.md", "CONTRIBUTING.md", "docs/EQUATIONS.md", "docs/FORMATS.md"}
    assert pages | {"docs/RESULTS.md", "docs/lab/README.md"} <= set(_links(text))
    for words in ("hfb.fit(", "make demo", "make test", "pip install .", "hfb predict"):
        assert words in text


def test_hosted_tests_run_the_local_script_and_tests_that_exist():
    text = (REPO / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    everything = [step.get("run") for step in jobs["everything"]["steps"]]
    assert ".ci/run" in everything
    assert (REPO / ".ci" / "run").is_file()
    paths = re.findall(r"tests/[\w/.]+", text)
    assert len(paths) >= 5
    assert [path for path in paths if not (REPO / path).exists()] == []


def test_the_citation_names_the_paper_and_all_its_authors():
    cited = yaml.safe_load((REPO / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors", "references"} <= set(cited)
    (paper,) = cited["references"]
    assert paper["title"] == "Human from Blur: Human Pose Tracking from Blurry Images"
    names = [author["family-names"] for author in paper["authors"]]
    assert names == ["Zhao", "Rozumnyi", "Song", "Hilliges", "Pollefeys", "Oswald"]
