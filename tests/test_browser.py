"""The page in a real browser, as a person uses it. ``RTSTYLE_BROWSER_TESTS=1 pytest -m browser``.

Needs Chromium and the package playwright. With ``RTSTYLE_SCREENSHOTS=FOLDER`` every tab is photographed.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from chromium import bounded_chromium, find_chromium
from PIL import Image

if TYPE_CHECKING:
    from rtstyle.pixels import Pixels
    from rtstyle.webui.server import PageServer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

PATIENCE_MS = 60_000
DESKTOP, PHONE = (1440, 900), (390, 844)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if os.environ.get("RTSTYLE_BROWSER_TESTS") != "1":
        pytest.skip("drives a real browser: set RTSTYLE_BROWSER_TESTS=1 to run it")
    pytest.importorskip("playwright", reason="the package playwright is not installed")
    if find_chromium() is None:
        pytest.skip("Chromium is not installed")
    with bounded_chromium(tmp_path_factory.mktemp("chromium"), seconds=600) as browser:
        yield browser


class Visit:
    """A page in a tab of its own, and what its console complained of."""

    def __init__(self, browser: Any, url: str, size: tuple[int, int], scheme: str = "dark") -> None:
        width, height = size
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, permissions=["camera"], accept_downloads=True
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.foreign: list[str] = []
        self.page.on("request", lambda request: self._note(request.url, url))
        self.page.goto(url)
        self.page.wait_for_selector(".rt-style img")

    def _note(self, asked: str, url: str) -> None:
        if asked.startswith("http") and not asked.startswith(url):
            self.foreign.append(asked)

    def open_tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name).click()
        self.page.wait_for_timeout(500)

    def choose(self, style: str) -> None:
        self.page.click(f".rt-style[data-name={style}]")

    def wait_for_text(self, selector: str, text: str) -> str:
        self.page.wait_for_function(
            "([selector, text]) => document.querySelector(selector)?.innerText.includes(text)", arg=[selector, text]
        )
        return str(self.page.inner_text(selector))

    def picture(self, selector: str) -> Pixels:
        """The element as it is on the screen."""
        return np.asarray(Image.open(io.BytesIO(self.page.locator(selector).first.screenshot())).convert("RGB"))

    def photograph(self, name: str) -> None:
        folder = os.environ.get("RTSTYLE_SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(folder) / f"{name}.png")


@pytest.fixture
def visit(chromium: Any, page: PageServer) -> Iterator[Any]:
    """Opens pages; at the end none of them may have complained or asked another host for anything."""
    opened: list[Visit] = []

    def open_page(size: tuple[int, int] = DESKTOP, scheme: str = "dark") -> Visit:
        opened.append(Visit(chromium, page.url, size, scheme))
        return opened[-1]

    yield open_page
    for one in opened:
        one.context.close()
    assert [complaint for one in opened for complaint in one.complaints] == []
    assert [asked for one in opened for asked in one.foreign] == []


def is_blank(pixels: Pixels) -> bool:
    return float(pixels.astype(float).std()) < 8


def differ(first: Pixels, second: Pixels) -> float:
    height, width = (min(a, b) for a, b in zip(first.shape[:2], second.shape[:2], strict=True))
    return float(np.abs(first[:height, :width].astype(int) - second[:height, :width]).mean())


def test_a_still_is_uploaded_painted_in_another_style_and_downloaded_in_full_size(visit: Any, tmp_path: Path) -> None:
    desk = visit()
    photo = tmp_path / "photo.png"
    coarse = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((900, 600), Image.Resampling.BICUBIC).save(photo)
    desk.page.locator("#rt-photo button[aria-label*='lear'], #rt-photo button[aria-label*='emove']").first.click()
    desk.page.set_input_files("#rt-photo input[type=file]", str(photo))
    desk.wait_for_text("#rt-still-status", "900 x 600")
    before = desk.picture("#rt-result")
    assert not is_blank(before)
    desk.choose("scream")
    desk.wait_for_text("#rt-still-status", "The Scream")
    desk.page.wait_for_timeout(500)
    assert differ(before, desk.picture("#rt-result")) > 3
    desk.photograph("stills-dark")
    with desk.page.expect_download() as download:
        desk.page.click("#rt-download")
    assert Image.open(download.value.path()).size == (900, 600)


def test_all_styles_come_in_one_click_and_one_of_them_is_chosen(visit: Any, page: PageServer) -> None:
    desk = visit(scheme="light")
    desk.page.locator("#rt-examples button img, #rt-examples img").nth(1).click()
    desk.page.click("#rt-all")
    pictures = desk.page.locator("#rt-grid button img")
    pictures.nth(len(page.studio.bank.names) - 1).wait_for()
    assert pictures.count() == len(page.studio.bank.names)
    desk.page.locator("#rt-grid button:has(img)").nth(3).click()
    fourth = page.studio.title(page.studio.bank.names[3])
    desk.wait_for_text("#rt-still-status", fourth)
    assert desk.page.get_attribute(f".rt-style[data-name={page.studio.bank.names[3]}]", "aria-checked") == "true"
    desk.photograph("stills-light")


def test_a_clip_is_tasted_painted_and_played(visit: Any, tmp_path: Path) -> None:
    from test_webui_clips import make_clip, read_clip

    desk = visit()
    desk.open_tab("Clips")
    clip = make_clip(tmp_path / "clip.mp4", frames=24, size=(180, 320))
    desk.page.set_input_files("#rt-clip input[type=file]", str(clip))
    desk.page.wait_for_selector("#rt-taste img")
    assert not is_blank(desk.picture("#rt-taste img"))
    desk.page.click("#rt-render")
    desk.wait_for_text("#rt-clip-status", "24 frames in")
    desk.page.wait_for_function("() => document.querySelector('#rt-film video')?.videoWidth === 320")
    desk.photograph("clips-dark")
    with desk.page.expect_download() as download:
        desk.page.click("#rt-film-download")
    frames, sound = read_clip(download.value.path())
    assert len(frames) == 24
    assert sound > 0


@pytest.mark.parametrize("way", ["webrtc", "pictures", "no way through"])
def test_the_camera_is_painted_live_and_follows_the_style(visit: Any, way: str) -> None:
    desk = visit()
    if way == "webrtc":
        pytest.importorskip("aiortc")
    elif way == "pictures":
        desk.page.evaluate("() => { delete window.RTCPeerConnection; }")
    else:  # an answer that leads nowhere, as from behind a firewall
        desk.page.evaluate("() => { RTCPeerConnection.prototype.setRemoteDescription = async () => {}; }")
    state = "video" if way == "webrtc" else "pictures"
    shown = ".rt-painted" if way == "webrtc" else ".rt-pictures"
    desk.open_tab("Live")
    desk.page.click(".rt-start")
    desk.page.wait_for_selector(f".rt-live[data-state={state}]")
    desk.wait_for_text(".rt-live-facts", "ms from camera to picture")
    before = desk.picture(shown)
    assert not is_blank(before)
    desk.choose("scream")
    desk.page.wait_for_timeout(2500)
    assert differ(before, desk.picture(shown)) > 10
    desk.photograph(f"live-{state}")
    desk.page.click(".rt-end")
    desk.page.wait_for_selector(".rt-live[data-state=idle]")


def test_a_style_is_learned_stopped_and_used(visit: Any, painting: Path) -> None:
    desk = visit()
    desk.open_tab("New style")
    desk.page.set_input_files("#rt-painting input[type=file]", str(painting))
    desk.page.fill("#rt-name textarea, #rt-name input", "Stripes")
    desk.page.wait_for_selector("#rt-painting img")
    desk.page.click("#rt-learn")
    desk.wait_for_text("#rt-fit-status", "step ")
    desk.page.wait_for_selector("#rt-sheet img")
    desk.photograph("new-style-dark")
    desk.page.click("#rt-fit-stop")
    desk.wait_for_text("#rt-fit-status", "Stopped and kept")
    assert desk.page.locator(".rt-style").first.inner_text().startswith("Stripes")
    desk.open_tab("Stills")
    desk.wait_for_text("#rt-still-status", "Stripes")
    desk.open_tab("How it compares")
    desk.page.wait_for_selector("#rt-cmp-painting img")
    desk.page.click("#rt-cmp-start")
    desk.page.wait_for_selector("#rt-cmp-curve svg")
    desk.photograph("compare-dark")
    desk.page.evaluate("() => document.querySelector('#rt-cmp-stop').click()")  # it may be through by now, and the button off
    desk.wait_for_text("#rt-cmp-status", "meanwhile the network paints")


def test_it_fits_a_phone(visit: Any) -> None:
    phone = visit(PHONE)
    for tab in ("Stills", "Clips", "Live", "New style"):
        phone.open_tab(tab)
        assert phone.page.evaluate("() => document.documentElement.scrollWidth") <= PHONE[0], tab
        phone.photograph(f"phone-{tab.lower().replace(' ', '-')}")


def test_dark_and_light_are_a_choice_that_stays(visit: Any) -> None:
    desk = visit()
    is_dark = "() => document.body.classList.contains('dark')"
    assert desk.page.evaluate(is_dark)
    desk.page.click(".rt-scheme")
    assert not desk.page.evaluate(is_dark)
    desk.page.reload()
    desk.page.wait_for_selector(".rt-style img")
    desk.page.wait_for_timeout(1500)
    assert not desk.page.evaluate(is_dark)
