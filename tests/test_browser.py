"""The page in a real browser, as a person uses it: one browser and one server for all of it.

Skipped where there is no Chromium, with the reason. With ``RTSTYLE_SCREENSHOTS=FOLDER`` every tab is photographed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from chromium import LONGEST_S, ChromiumMissingError, bounded_chromium
from gradio_client import handle_file
from PIL import Image
from visitors import visitor
from visits import Visit

from rtstyle.styles import StyleEntry
from rtstyle.training.export import export_style
from rtstyle.training.fit import FIT_RECIPE
from rtstyle.webui.live import webrtc_is_there

if TYPE_CHECKING:
    from rtstyle.pixels import Pixels
    from rtstyle.stylizer import Look
    from rtstyle.webui.server import PageServer

# Chromium is gone after LONGEST_S, and then every wait fails by itself: what is longer is no wait for it.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(LONGEST_S + 60, method="thread")]

DESKTOP, PHONE = (1440, 900), (390, 844)
TABS = ("Stills", "Clips", "Live", "New style", "How it compares")


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The one browser of this module."""
    with ExitStack() as open_ones:
        try:
            browser = open_ones.enter_context(bounded_chromium(tmp_path_factory.mktemp("chromium")))
        except ChromiumMissingError as reason:
            pytest.skip(str(reason))
        yield browser


@pytest.fixture
def visit(chromium: Any, page: PageServer) -> Iterator[Any]:
    """Opens pages; at the end none of them may have complained or asked another host for anything."""
    opened: list[Visit] = []

    def open_page(size: tuple[int, int] = DESKTOP, scheme: str = "dark") -> Visit:
        opened.append(Visit(chromium, page.url, size, scheme))
        return opened[-1]

    yield open_page
    # Before they are closed: that breaks off what a page still asks for, which its client then complains of.
    complaints = [complaint for one in opened for complaint in one.complaints]
    for one in opened:
        one.context.close()
    assert complaints == []
    assert [asked for one in opened for asked in one.foreign] == []


def is_blank(pixels: Pixels) -> bool:
    return float(pixels.astype(float).std()) < 8


def differ(first: Pixels, second: Pixels) -> float:
    height, width = (min(a, b) for a, b in zip(first.shape[:2], second.shape[:2], strict=True))
    return float(np.abs(first[:height, :width].astype(int) - second[:height, :width]).mean())


def test_a_still_is_painted_compared_in_all_styles_and_downloaded_in_full_size(
    visit: Any, page: PageServer, tmp_path: Path
) -> None:
    desk = visit(scheme="light")
    names = page.studio.bank.names
    photo = tmp_path / "photo.png"
    coarse = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((900, 600), Image.Resampling.BICUBIC).save(photo)
    desk.page.locator("#rt-photo button[aria-label*='lear'], #rt-photo button[aria-label*='emove']").first.click()
    desk.page.set_input_files("#rt-photo input[type=file]", str(photo))
    desk.wait_for_text("#rt-still-status", "900 x 600")
    desk.wait_for_picture("#rt-result")
    before = desk.picture("#rt-result")
    assert not is_blank(before)
    desk.choose("scream")
    desk.wait_for_text("#rt-still-status", "The Scream")
    desk.until(lambda: differ(before, desk.picture("#rt-result")) > 3, "the result is still the picture of before")
    with desk.page.expect_download() as download:
        desk.page.click("#rt-download")
    painted = np.asarray(Image.open(download.value.path()).convert("RGB"))
    assert painted.shape == (600, 900, 3)
    assert differ(painted, np.asarray(Image.open(photo))) > 20

    desk.page.locator("#rt-examples button img, #rt-examples img").nth(1).click()
    desk.wait_for_text("#rt-still-status", "640 x 480")
    desk.page.click("#rt-all")
    pictures = desk.page.locator("#rt-grid button img")
    pictures.nth(len(names) - 1).wait_for()
    assert pictures.count() == len(names)
    desk.page.locator("#rt-grid button:has(img)").nth(3).click()
    desk.wait_for_text("#rt-still-status", page.studio.title(names[3]))
    assert desk.page.get_attribute(f".rt-style[data-name={names[3]}]", "aria-checked") == "true"
    desk.wait_for_picture("#rt-result")
    desk.photograph("stills-light")

    is_dark = "() => document.body.classList.contains('dark')"
    assert not desk.page.evaluate(is_dark)
    desk.page.click(".rt-scheme")
    assert desk.page.evaluate(is_dark)
    desk.photograph("stills-dark")
    desk.reload()
    desk.page.wait_for_selector("#rt-result img")  # Gradio has mounted, which is when it goes by the system's scheme
    assert desk.page.evaluate(is_dark), "the choice of dark or light stays"


def test_a_click_on_a_style_or_on_its_picture_paints_once_and_in_that_style(
    visit: Any, page: PageServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint, painted = page.studio.paint, list[str]()

    def counted(picture: Pixels, look: Look) -> Pixels:
        painted.append(str(look.mix))
        return paint(picture, look)

    def wait_for(styles: list[str]) -> None:
        desk.until(lambda: len(painted) >= len(styles), f"not painted in {styles}")
        desk.page.wait_for_timeout(2000)  # for one that should not come
        assert painted == styles
        painted.clear()

    bank, own = page.studio.bank, tmp_path / "own.safetensors"
    name = bank.names[3]
    export_style(bank.network, bank.vectors["wave"], StyleEntry(name="mine"), own, tier=bank.tier, dedicated=False, about={})
    desk = visit()
    desk.page.click("#rt-all")
    desk.page.locator("#rt-grid button img").nth(3).wait_for()
    monkeypatch.setattr(page.studio, "paint", counted)
    desk.choose("scream")
    wait_for(["scream"])
    desk.open_tab("New style")
    desk.page.set_input_files("input[type=file][accept*=safetensors]", str(own))
    desk.wait_for_text(".rt-style", "mine")
    desk.until(lambda: len(painted) == 1, "the loaded style is not painted in")
    painted.clear()
    desk.open_tab("Stills")
    desk.page.locator("#rt-grid button:has(img)").nth(3).click()
    wait_for([name])


@pytest.mark.usefixtures("quick_fit")
def test_who_waits_for_a_place_is_told(visit: Any, page: PageServer, painting: Path, tmp_path: Path) -> None:
    first, desk = visitor(page.url, tmp_path), visit()
    job = first.submit(painting=handle_file(painting), name="first", steps=2 * FIT_RECIPE.steps, api_name="/learn")
    desk.until(lambda: bool(job.outputs()), "the first visitor's style is not begun")
    desk.open_tab("New style")
    desk.page.click("#rt-learn")
    desk.wait_for_text("#rt-fit-status", "Waiting for a free place")
    assert desk.page.is_disabled("#rt-learn")
    first.predict(api_name="/stop_learning")
    desk.wait_for_text("#rt-fit-status", "Nothing is being worked on")  # since there is no painting
    assert desk.page.is_enabled("#rt-learn")


def test_a_clip_is_tasted_painted_played_and_downloaded(visit: Any, tmp_path: Path) -> None:
    from test_webui_clips import make_clip, read_clip

    desk = visit()
    desk.open_tab("Clips")
    clip = make_clip(tmp_path / "clip.mp4", frames=24, size=(180, 320))
    desk.page.set_input_files("#rt-clip input[type=file]", str(clip))
    desk.wait_for_picture("#rt-taste")
    assert not is_blank(desk.picture("#rt-taste img"))
    desk.page.click("#rt-render")
    desk.wait_for_text("#rt-clip-status", "24 frames in")
    desk.page.wait_for_selector("#rt-film video")
    if desk.page.evaluate("() => MediaSource.isTypeSupported('video/mp4; codecs=\"avc1.42E01E\"')"):
        desk.page.wait_for_function("() => document.querySelector('#rt-film video')?.videoWidth === 320")
    desk.photograph("clips-dark")
    with desk.page.expect_download() as download:
        desk.page.click("#rt-film-download")
    frames, sound = read_clip(download.value.path())
    original, _ = read_clip(clip)
    assert len(frames) == len(original) == 24
    assert frames[5].shape == original[5].shape
    assert not is_blank(frames[5])
    assert differ(frames[5], original[5]) > 20
    assert sound > 0


SHOWN = {"video": ".rt-painted", "pictures": ".rt-pictures"}
NO_WAY = "() => { RTCPeerConnection.prototype.setRemoteDescription = async () => {}; }"


def test_the_camera_is_painted_live_whatever_way_there_is_and_follows_the_style(visit: Any) -> None:
    desk = visit()
    desk.open_tab("Live")
    if webrtc_is_there():
        _watch_the_camera(desk, "video")
        desk.page.evaluate(NO_WAY)  # an answer that leads nowhere, as from behind a firewall
    _watch_the_camera(desk, "pictures")


def _watch_the_camera(desk: Visit, state: str) -> None:
    desk.choose("wave")
    for _ in range(4):  # a busy machine may connect later than the page is ready to wait, and then go picture by picture
        desk.page.click(".rt-start")
        desk.page.wait_for_selector(".rt-live[data-state=video], .rt-live[data-state=pictures]")
        if desk.page.get_attribute(".rt-live", "data-state") == state:
            break
        desk.page.click(".rt-end")
    desk.wait_for_text(".rt-live-facts", "ms from camera to picture")
    shown = desk.page.locator(SHOWN[state])
    assert shown.evaluate("one => [one.videoWidth || one.width, one.videoHeight || one.height]") == [480, 360]
    before = desk.picture(SHOWN[state])
    assert not is_blank(before)
    desk.choose("scream")
    desk.until(lambda: differ(before, desk.picture(SHOWN[state])) > 10, "the camera's painting does not follow the style")
    desk.photograph(f"live-{state}")
    desk.page.click(".rt-end")
    desk.page.wait_for_selector(".rt-live[data-state=idle]")


@pytest.mark.usefixtures("quick_fit")
def test_a_style_is_learned_stopped_used_and_compared(visit: Any, painting: Path) -> None:
    desk = visit()
    desk.open_tab("New style")
    desk.page.set_input_files("#rt-painting input[type=file]", str(painting))
    desk.page.fill("#rt-name textarea, #rt-name input", "Stripes")
    desk.page.wait_for_selector("#rt-painting img")
    desk.page.click("#rt-learn")
    desk.wait_for_text("#rt-fit-status", "step ")
    desk.wait_for_picture("#rt-sheet")
    assert not is_blank(desk.picture("#rt-sheet img"))
    desk.photograph("new-style-dark")
    desk.page.click("#rt-fit-stop")
    desk.wait_for_text("#rt-fit-status", "Stopped and kept")
    desk.wait_for_text(".rt-style", "Stripes")  # the first of them
    with desk.page.expect_download() as download:
        desk.page.click("#rt-style-download")
    assert download.value.suggested_filename == "stripes.safetensors"
    desk.open_tab("Stills")
    desk.wait_for_text("#rt-still-status", "Stripes")
    assert not is_blank(desk.picture("#rt-result"))

    desk.open_tab("How it compares")
    desk.wait_for_picture("#rt-cmp-painting")
    desk.page.locator("#rt-cmp-iterations label").first.click()
    desk.page.click("#rt-cmp-start")
    desk.page.wait_for_selector("#rt-cmp-curve svg")
    for painted in ("#rt-cmp-fast", "#rt-cmp-slow"):
        desk.wait_for_picture(painted)
        assert not is_blank(desk.picture(f"{painted} img")), painted
    desk.photograph("compare-dark")
    desk.page.evaluate("() => document.querySelector('#rt-cmp-stop').click()")  # it may be through by now, and the button off
    desk.wait_for_text("#rt-cmp-status", "meanwhile the network paints")


def test_it_fits_a_phone(visit: Any) -> None:
    phone = visit(PHONE)
    for tab in TABS:
        phone.open_tab(tab)
        assert phone.page.evaluate("() => document.documentElement.scrollWidth") <= PHONE[0], tab
        phone.photograph(f"phone-{tab.lower().replace(' ', '-')}")
