"""`hfb app` as a visitor meets it: a browser uploads, waits, looks and downloads."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from headless import open_chromium
from photo_files import SETTINGS, write_photo

from datamodules import synthetic

WAIT_S = 120
ENDED = "stopped; what was finished is kept.\n"


@dataclass(frozen=True)
class Running:
    """A server, where it keeps uploads, and a photo to send it."""

    process: subprocess.Popen
    address: str
    temporary: Path
    photo: dict[str, Path]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, repo: Path) -> Iterator[Running]:
    pytest.importorskip("gradio", reason="needs gradio, of the extra app")
    folder = tmp_path_factory.mktemp("app")
    photo = write_photo(synthetic.embedded_example(0), folder)
    settings = {
        "model": {"refine": SETTINGS},
        "data": {"init_args": {name: str(photo[name]) for name in ("alpha", "estimate")}},
    }
    (folder / "tiny.yaml").write_text(yaml.safe_dump(settings))
    temporary = folder / "temporary"
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "hfb", "app", "--port=0", f"--config={folder / 'tiny.yaml'}"],
        cwd=repo, env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    said = process.stdout.readline()
    assert "http://127.0.0.1:" in said, process.stderr.read()
    yield Running(process, said.split()[2], temporary, photo)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (130, ENDED)
    assert list(temporary.glob("hfb-app-*")) == [], "what strangers sent goes with the server"


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def browser(downloads: Path) -> Iterator[Any]:
    opened = open_chromium(downloads)
    opened.set_window_size(1280, 1600)
    yield opened
    opened.quit()


@pytest.fixture
def page(app: Running, browser: Any) -> Any:
    browser.get(app.address)
    until(browser, lambda: browser.find_elements("css selector", "#photo input[type=file]"))
    return browser


def until(page: Any, condition: Any) -> Any:
    from selenium.webdriver.support.wait import WebDriverWait

    return WebDriverWait(page, WAIT_S).until(lambda _: condition())


def drop(page: Any, where: str, path: Path) -> None:
    page.find_element("css selector", f"#{where} input[type=file]").send_keys(str(path))


def drop_and_wait(page: Any, where: str, path: Path) -> None:
    drop(page, where, path)
    until(page, lambda: path.stem in page.find_element("id", where).text)


def complaint(page: Any) -> str:
    """What the page says in the corner."""
    script = "return [...document.querySelectorAll('.toast-body')].map(t => t.textContent).join()"
    return until(page, lambda: page.execute_script(script).strip())


def test_a_photo_is_fitted_looked_at_and_downloaded(
    app: Running, page: Any, downloads: Path
) -> None:
    drop_and_wait(page, "photo", app.photo["image"])
    drop_and_wait(page, "background", app.photo["background"])
    page.find_element("id", "fit-photo").click()
    said = page.find_element("css selector", "#progress textarea")
    until(page, lambda: "running for" in said.get_attribute("value"))
    report = until(page, lambda: page.find_elements("id", "report"))[0]
    assert "finished after" in said.get_attribute("value")
    page.switch_to.frame(report)
    ready = "const c = document.getElementById('body'); return Boolean(c && c.dataset.ready)"
    until(page, lambda: page.execute_script(ready))
    page.switch_to.default_content()
    page.find_element("id", "download").click()
    archive = downloads / "result.zip"
    until(page, archive.is_file)
    names = zipfile.ZipFile(archive).namelist()
    assert {"report.html", "per_sample.csv", "samples/image/mesh.glb"} <= {*names}
    assert not [*app.temporary.rglob("input")], "the job's copies are gone"


def test_what_is_no_photo_is_refused(app: Running, page: Any, tmp_path: Path) -> None:
    disguised = tmp_path / "page.png"
    disguised.write_text("<html><script>alert(1)</script></html>")
    drop(page, "photo", disguised)
    assert "does not begin as .png files do" in complaint(page)
    kept = [path.name for path in app.temporary.rglob("*") if path.is_file()]
    assert "page.png" not in kept


def test_500_mb_are_refused(page: Any, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    with large.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.truncate(500_000_000)
    began = time.monotonic()
    drop(page, "photo", large)
    assert "size" in complaint(page)
    assert time.monotonic() - began < 30


def test_a_photo_without_its_background_is_asked_for(app: Running, page: Any) -> None:
    drop_and_wait(page, "photo", app.photo["image"])
    page.find_element("id", "fit-photo").click()
    assert "the same scene without the person" in complaint(page)


def test_what_the_fit_finds_wrong_is_said(app: Running, page: Any, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(app.photo["image"].read_bytes()[:400])
    drop_and_wait(page, "photo", broken)
    drop_and_wait(page, "background", app.photo["background"])
    page.find_element("id", "fit-photo").click()
    text = complaint(page)
    assert "cannot read the image" in text
    assert str(app.temporary) not in text, "nothing about this machine"


def test_a_fit_can_be_stopped(app: Running, page: Any) -> None:
    drop_and_wait(page, "photo", app.photo["image"])
    drop_and_wait(page, "background", app.photo["background"])
    page.find_element("id", "fit-photo").click()
    said = page.find_element("css selector", "#progress textarea")
    until(page, lambda: "running for" in said.get_attribute("value"))
    page.find_element("id", "stop").click()
    assert "stopped" in complaint(page)
    assert not page.find_elements("id", "report")


def test_what_a_visit_left_is_deleted_with_it(app: Running, page: Any) -> None:
    drop_and_wait(page, "photo", app.photo["image"])
    drop_and_wait(page, "background", app.photo["background"])
    page.find_element("id", "fit-photo").click()
    until(page, lambda: page.find_elements("id", "report"))
    assert [*app.temporary.rglob("per_sample.csv")]
    page.get("about:blank")
    until(page, lambda: not [*app.temporary.rglob("per_sample.csv")])


def test_no_page_asks_another_server(app: Running, page: Any) -> None:
    script = "return performance.getEntriesByType('resource').map(entry => entry.name)"
    others = [name for name in page.execute_script(script) if not name.startswith(app.address)]
    assert others == [], json.dumps(others)
