"""A visit to the page in a real browser."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from rtstyle.pixels import Pixels


PATIENCE_MS = 120_000


class Visit:
    """A page in a tab of its own, and what its console complained of."""

    def __init__(self, browser: Any, url: str, size: tuple[int, int], scheme: str = "dark") -> None:
        width, height = size
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, permissions=["camera"], accept_downloads=True
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.set_default_navigation_timeout(PATIENCE_MS)
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

    def reload(self) -> None:
        """Load the page anew. What the page that goes says of its broken connections is no complaint."""
        before = len(self.complaints)
        self.page.reload()
        del self.complaints[before:]

    def open_tab(self, name: str) -> None:
        tab = self.page.get_by_role("tab", name=name)
        tab.click()
        self.page.wait_for_function("tab => tab.getAttribute('aria-selected') === 'true'", arg=tab.element_handle())

    def choose(self, style: str) -> None:
        self.page.click(f".rt-style[data-name={style}]")

    def wait_for_text(self, selector: str, text: str) -> str:
        self.page.wait_for_function(
            "([selector, text]) => document.querySelector(selector)?.innerText.includes(text)", arg=[selector, text]
        )
        return str(self.page.inner_text(selector))

    def wait_for_picture(self, selector: str) -> Any:
        """Until every picture in the element is loaded; the element."""
        self.page.wait_for_function(
            "selector => { const all = [...document.querySelectorAll(selector + ' img')];"
            " return all.length && all.every(one => one.complete && one.naturalWidth > 0); }",
            arg=selector,
        )
        return self.page.locator(selector).first

    def picture(self, selector: str) -> Pixels:
        """The element as it is on the screen."""
        return np.asarray(Image.open(io.BytesIO(self.page.locator(selector).first.screenshot())).convert("RGB"))

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Look again and again until ``holds()``."""
        patience = time.monotonic() + PATIENCE_MS / 1000
        while not holds():
            assert time.monotonic() < patience, what
            self.page.wait_for_timeout(200)

    def photograph(self, name: str) -> None:
        folder = os.environ.get("RTSTYLE_SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(folder) / f"{name}.png")
