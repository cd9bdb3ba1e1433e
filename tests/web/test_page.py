"""The page in a real browser: Debian's Chromium, headless, driven by Playwright."""

from __future__ import annotations

import base64
import io
import json
import shutil
import time
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from rtseg.classes import CAMVID
from rtseg.sources.drive import number_from_strip
from tests.web.clients import pictures_for, port_of, token_of, watch
from tests.web.conftest import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright, of the extra dev")

pytestmark = [pytest.mark.live, pytest.mark.timeout(180), pytest.mark.xdist_group("browser")]

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
"""Without these it asks for hosts of its maker's."""


@pytest.fixture(scope="module")
def launch() -> Iterator[Callable[..., playwright.Browser]]:
    """Starts browsers."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    with playwright.sync_playwright() as driver:
        browsers = []

        def launch(*flags: str) -> playwright.Browser:
            browsers.append(driver.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *flags]))
            return browsers[-1]

        yield launch
        for browser in browsers:
            browser.close()


@pytest.fixture(scope="module")
def browser(launch) -> playwright.Browser:
    return launch()


@pytest.fixture
def page(browser, session) -> Iterator[playwright.Page]:
    """The page, with a picture on it. Nothing may go wrong in it."""
    with_errors: list[str] = []
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.on("pageerror", lambda error: with_errors.append(str(error)))
    page.on("console", lambda message: with_errors.append(message.text) if message.type == "error" else None)
    page.goto(session.page.link)
    wait_for_picture(page)
    yield page
    page.close()
    assert with_errors == []


def until(page, expression: str) -> None:
    """Wait until it is true on the page; Playwright's own way is against the page's security policy."""
    end = time.monotonic() + 20
    while not page.evaluate(expression):
        assert time.monotonic() < end, expression
        page.wait_for_timeout(50)


def wait_for_picture(page) -> None:
    until(page, "document.getElementById('canvas').width > 300")


def pixels(page) -> np.ndarray:
    """What is on the canvas, RGB."""
    data = page.evaluate("document.getElementById('canvas').toDataURL('image/png').split(',')[1]")
    image = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    return image[..., ::-1]


def choose(page, view: str) -> None:
    page.locator(f"input[name=view][value={view}]").check(force=True)


def number_on(page) -> int | None:
    return number_from_strip(np.ascontiguousarray(pixels(page)[:, :480]))


def test_it_moves_and_keeps_up_with_the_pipeline(page, session):
    choose(page, "original")
    numbers = []
    for _ in range(12):
        numbers.append(number_on(page))
        latest = session.page.shelf.latest.painted.frame.index
        assert numbers[-1] is not None
        assert latest - numbers[-1] < 30  # two seconds, on a busy machine
        time.sleep(0.15)
    assert numbers == sorted(numbers)
    assert len(set(numbers)) > 4
    assert page.locator("#status").inner_text() == "live"
    assert page.locator("#transport").inner_text() == "WebSocket, JPEG"
    until(page, "/^[0-9]+ ms$/.test(document.getElementById('age').textContent)")
    age_ms = int(page.locator("#age").inner_text().split()[0])
    assert 1 < age_ms < 3000


def test_controls_change_pixels_without_asking_the_server(page):
    page.locator("#pause").click()
    page.wait_for_timeout(300)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    choose(page, "original")
    original = pixels(page).astype(int)
    choose(page, "overlay")
    overlay = pixels(page).astype(int)
    assert np.abs(overlay - original).mean() > 10
    page.locator("#opacity").fill("100")
    opaque = pixels(page).astype(int)
    assert np.abs(opaque - original).mean() > 1.5 * np.abs(overlay - original).mean()
    choose(page, "mask")
    mask = pixels(page)
    colours = np.array(CAMVID.palette_rgb)
    nearest = np.abs(mask.reshape(-1, 1, 3)[::37].astype(int) - colours).sum(2).min(1)
    assert (nearest < 12).mean() > 0.9
    choose(page, "both")
    both = pixels(page).astype(int)
    assert both.shape == (360, 960, 3)
    assert np.abs(both[:, :480] - original).max() <= 2
    assert np.abs(both[:, 480:] - opaque).max() <= 2
    choose(page, "overlay")
    page.locator("#none").click()
    assert np.abs(pixels(page) - original).max() <= 2
    page.get_by_label("road").check()
    road = np.abs(pixels(page) - original).max(2) > 8
    assert 0.02 < road.mean() < 0.9
    assert not [url for url in asked if "/api/past" not in url]


def test_hovering_and_the_arrow_keys_name_the_class(page):
    page.locator("#pause").click()
    page.wait_for_timeout(300)
    box = page.locator("#canvas").bounding_box()
    names = set()
    for share in (0.1, 0.5, 0.9):
        page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * share)
        assert page.locator("#probe").is_visible()
        names.add(page.locator("#probe").inner_text())
    assert names <= set(CAMVID.names)
    page.mouse.move(2, 2)
    assert not page.locator("#probe").is_visible()
    page.locator("#canvas").focus()
    before = pixels(page)
    page.keyboard.press("ArrowDown")
    assert page.locator("#probe").inner_text() in CAMVID.names
    assert (pixels(page) != before).any()


def test_a_snapshot_is_the_picture_and_its_labels(page):
    page.locator("#pause").click()
    page.wait_for_timeout(300)
    saved: list = []
    page.on("download", lambda download: saved.append(download))
    page.locator("#snapshot").click()
    page.wait_for_timeout(1500)
    assert [download.suggested_filename[-11:] for download in saved][1:] == ["-labels.png"]
    picture, labels = (cv2.imread(str(download.path()), cv2.IMREAD_UNCHANGED) for download in saved)
    assert np.array_equal(picture[..., ::-1], pixels(page))
    assert labels.dtype == np.uint8
    assert labels.ndim == 2
    assert labels.max() < 11


def test_pause_stands_still_and_goes_on_with_the_latest(page):
    choose(page, "original")
    page.locator("#pause").click()
    page.wait_for_timeout(400)
    held = number_on(page)
    page.wait_for_timeout(700)
    assert number_on(page) == held
    page.keyboard.press("Escape")
    page.locator("body").press(" ")
    page.wait_for_timeout(700)
    assert number_on(page) > held + 4


def test_seeking_shows_what_was_and_latest_comes_back(page, session):
    choose(page, "original")
    until(page, "Number(document.getElementById('seek').max) >= 2")
    page.locator("#seek").fill("0")
    page.wait_for_timeout(600)
    assert number_on(page) < 15
    assert page.locator("#seek-at").inner_text() == "0:00"
    page.locator("#latest").click()
    page.wait_for_timeout(800)
    assert session.page.shelf.latest.painted.frame.index - number_on(page) < 40


def test_figures_come_alive(page):
    page.wait_for_timeout(2500)
    assert page.locator("#stages .bar").count() == 5
    assert page.locator("#waiting .bar").count() == 4
    assert page.locator("#waterfall .bar").count() >= 4
    assert page.locator("#fates .bar").first.inner_text()
    assert page.locator("#charts path.line-0").first.get_attribute("d").count("L") >= 2
    shares = [float(text.rstrip(" %")) for text in page.locator("#classes b").all_inner_texts()]
    assert 90 < sum(shares) < 101


def test_a_throttled_viewer_does_not_slow_another(browser, session):
    slow = browser.new_page()
    devtools = slow.context.new_cdp_session(slow)
    devtools.send("Network.enable")
    devtools.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 400, "downloadThroughput": 20_000, "uploadThroughput": 5_000},
    )
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    slow.goto(session.page.link)
    with watch(session) as other:  # not another page: this one's throttling would take its core, too
        pictures = pictures_for(4, other)
        behind = session.page.shelf.latest.number - pictures[-1].header["number"]
    shown = pictures[-1].header["number"] - pictures[0].header["number"] + 1
    assert len(pictures) > 0.8 * shown  # of what the run showed, however fast that was
    assert behind <= 3
    slow.close()


def test_it_comes_back_after_the_server_was_gone(browser):
    page = browser.new_page()
    with running() as session:
        port = port_of(session)
        page.goto(session.page.link)
        wait_for_picture(page)
    until(page, "document.getElementById('status').dataset.state !== 'on'")
    with running(f"127.0.0.1:{port}"):
        until(page, "document.getElementById('status').textContent === 'live'")
        choose(page, "original")
        page.wait_for_timeout(1500)
        first = number_on(page)
        page.wait_for_timeout(800)
        assert number_on(page) > first
    page.close()


def test_the_printed_link_lets_a_browser_in_and_nothing_else_does(browser, everywhere):
    page = browser.new_context().new_page()
    port = port_of(everywhere)
    assert page.goto(f"http://127.0.0.1:{port}/").status == 401
    page.goto(f"http://127.0.0.1:{port}/?token={token_of(everywhere)}")
    page.wait_for_url(f"http://127.0.0.1:{port}/")
    wait_for_picture(page)
    assert page.url == f"http://127.0.0.1:{port}/"
    assert "rtseg_" not in page.evaluate("document.cookie")
    page.context.close()


def test_webrtc_where_it_can_be_had(monkeypatch, launch):
    """On loopback for once: neither side looks there by itself."""
    pytest.importorskip("aiortc", reason="needs aiortc, which runs on Python 3.11 and newer")
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **_: ["127.0.0.1"])
    with running("0.0.0.0:0") as session:
        page, shelf = launch("--allow-loopback-in-peer-connection").new_page(), session.page.shelf
        address = f"http://127.0.0.1:{port_of(session)}/"
        page.goto(f"{address}?token={token_of(session)}")
        page.wait_for_url(address)
        until(page, "document.getElementById('transport').textContent === 'WebRTC, H.264'")
        choose(page, "original")
        page.wait_for_timeout(1000)
        numbers = []
        for _ in range(8):
            numbers.append(number_on(page))
            assert shelf.latest.painted.frame.index - numbers[-1] < 30
            page.wait_for_timeout(200)
        assert numbers == sorted(numbers)
        assert len(set(numbers)) > 2
        assert pixels(page).shape == (360, 480, 3)
        shelf.film.leave(next(iter(shelf.film._queues)))  # the film stops, and the picture does not
        until(page, "document.getElementById('transport').textContent === 'WebSocket, JPEG'")
        page.wait_for_timeout(1000)
        assert shelf.latest.painted.frame.index - number_on(page) < 30


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1400, 900), (390, 844)], ids=["wide", "phone"])
def test_it_fits_and_can_be_read(browser, session, scheme, size):
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    page = context.new_page()
    page.goto(session.page.link)
    wait_for_picture(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    for selector in ("h1", "#title", ".classes .name", "figcaption", ".bar .name", "button", "#status"):
        page.wait_for_selector(selector)
        ink, ground = page.evaluate(COLOURS, selector)
        assert contrast(ink, ground) >= 4.5, selector
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input, canvas')].filter(one => "
        "!(one.textContent.trim() || one.labels?.length || one.ariaLabel)).map(one => one.outerHTML)"
    )
    assert unnamed == []
    context.close()


COLOURS = """selector => {
  const parsed = text => text.match(/[\\d.]+/g).map(Number);
  let one = document.querySelector(selector);
  const ink = parsed(getComputedStyle(one).color);
  for (; one; one = one.parentElement) {
    const ground = parsed(getComputedStyle(one).backgroundColor);
    if (ground.length < 4 || ground[3] === 1) return [ink, ground];
  }
  return [ink, [255, 255, 255]];
}"""


def contrast(ink, ground) -> float:
    """WCAG 2's contrast ratio."""
    bright, dim = sorted((luminance(ink), luminance(ground)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def luminance(colour) -> float:
    levels = [level / 255 for level in colour[:3]]
    linear = [level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4 for level in levels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_api_is_documented_by_its_page(browser, session):
    page = browser.new_page()
    page.goto(session.page.link + "api")
    page.wait_for_selector("section")
    document = json.load(
        io.StringIO(page.evaluate("fetch('/api/openapi.json').then(answer => answer.text())"))
    )
    assert document["openapi"].startswith("3.1")
    text = page.locator("#paths").inner_text()
    assert all(path in text for path in document["paths"])
    page.close()
