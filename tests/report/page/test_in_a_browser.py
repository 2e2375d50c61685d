"""The page in headless Chromium: it loads without errors, draws a body, plays and sorts."""

import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from headless import open_chromium
from PIL import Image

from hfb.report.page import PAGE_NAME

DESKTOP, PHONE = (1280, 900), (390, 844)
WAIT_S = 60
READY = "const c = document.getElementById('body'); return Boolean(c && c.dataset.ready)"
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    opened = open_chromium()
    opened.set_network_conditions(offline=True, latency=0, throughput=0)
    yield opened
    opened.quit()


@pytest.fixture
def look(browser: Any) -> Open:
    """Opens the page of a run and waits until the body is drawn."""
    from selenium.webdriver.support.wait import WebDriverWait

    def at(root: Path, size: tuple[int, int] = DESKTOP) -> Any:
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1}
        mobile = {**metrics, "mobile": size == PHONE}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", mobile)
        browser.get_log("browser")  # what earlier pages said
        browser.get((root / PAGE_NAME).as_uri())
        WebDriverWait(browser, WAIT_S).until(lambda page: page.execute_script(READY))
        return browser

    return at


def canvas(page: Any, name: str) -> np.ndarray:
    """What a canvas shows."""
    address = page.execute_script(f"return document.getElementById('{name}').toDataURL()")
    data = base64.b64decode(address.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def move_to(page: Any, share: float) -> None:
    """Put the slider somewhere, as a hand would."""
    page.execute_script(
        "const s = document.getElementById('time'); s.value = arguments[0] * s.max;"
        "s.dispatchEvent(new Event('input'));",
        share,
    )


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_it_loads_without_errors_and_fits_the_screen(
    look: Open, saved: Path, size: tuple[int, int]
) -> None:
    page = look(saved, size)
    assert [line for line in page.get_log("browser") if line["level"] == "SEVERE"] == []
    assert page.execute_script("return document.documentElement.scrollWidth") <= size[0]
    assert page.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_the_body_is_drawn_and_turns(look: Open, saved: Path) -> None:
    page = look(saved)
    page.execute_script("for (const b of document.querySelectorAll('.tools button')) "
                        "if (b.textContent === 'photo') b.click();")  # fmt: skip
    slanted = canvas(page, "body")
    assert len(np.unique(slanted.reshape(-1, 3), axis=0)) > 500, "a body in its colours"
    page.execute_script("for (const b of document.querySelectorAll('.tools button')) "
                        "if (b.textContent === 'Back') b.click();")  # fmt: skip
    assert np.abs(canvas(page, "body") - slanted).max() > 100


def test_the_slider_moves_picture_and_body(look: Open, saved: Path) -> None:
    page = look(saved)
    move_to(page, 0.0)
    before, body = canvas(page, "sharp"), canvas(page, "body")
    move_to(page, 1.0)
    assert np.abs(canvas(page, "sharp") - before).max() > 40
    assert np.abs(canvas(page, "body") - body).max() > 40
    clock = page.find_element("css selector", ".player output").text
    assert float(clock.split()[0]) > 1.0


def test_it_plays(look: Open, saved: Path) -> None:
    from selenium.webdriver.support.wait import WebDriverWait

    page = look(saved)
    page.find_element("id", "play").click()
    value = "return Number(document.getElementById('time').value)"
    WebDriverWait(page, WAIT_S).until(lambda one: one.execute_script(value) > 1.0)
    page.find_element("id", "play").click()
    stopped = page.execute_script(value)
    assert page.execute_script(value) == stopped


def test_samples_are_chosen_and_sorted(look: Open, many: Path) -> None:
    page = look(many)
    title = "return document.querySelector('#sample h2').textContent"
    assert page.execute_script(title) == "s13", "the worst comes first"
    page.find_element("css selector", '#strip button[data-name="s00"]').click()
    assert page.execute_script(title) == "s00"
    names = "return [...document.querySelectorAll('#rows tbody tr')].map(row => row.dataset.name)"
    assert page.execute_script(names)[0] == "s00"
    head = "[...document.querySelectorAll('#rows th')].find(h => h.textContent === 'error mm')"
    page.execute_script(f"{head}.click(); {head}.click();")
    assert page.execute_script(names) == [f"s{k:02d}" for k in reversed(range(14))]
    assert [line for line in page.get_log("browser") if line["level"] == "SEVERE"] == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_small_pictures_lead_to_pages_and_back(
    look: Open, paged: Path, size: tuple[int, int]
) -> None:
    page = look(paged, size)
    links = page.find_elements("css selector", "#others a")
    assert [link.get_attribute("title") for link in links] == ["s07", "s06"]
    drawn = "return [...document.querySelectorAll('#others img')].map(i => i.naturalWidth)"
    assert min(page.execute_script(drawn)) > 50
    assert page.execute_script("return document.documentElement.scrollWidth") <= size[0]
    page.execute_script("document.querySelector('#others a').click()")
    own = look(paged / "samples" / "s07", size)
    assert own.execute_script("return document.querySelector('#sample h2').textContent") == "s07"
    assert [line for line in own.get_log("browser") if line["level"] == "SEVERE"] == []
    (file,) = own.find_elements("css selector", '#sample a[href$="mesh.glb"]')
    assert file.get_attribute("href").endswith("samples/s07/mesh.glb")
    up = own.find_element("css selector", "#summary a").get_attribute("href")
    assert up == (paged / PAGE_NAME).as_uri()
