"""Starts headless Chromium kept on a short leash: one core, ordinary priority, a time limit, gone at the end."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--mute-audio",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
LONGEST_S = 120


def find_chromium() -> str | None:
    """Where Chromium is installed, if it is."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path:
            return path
    return None


@contextmanager
def bounded_chromium(folder: Path, *, seconds: int = LONGEST_S) -> Iterator[Any]:
    """A Playwright browser. Its processes share one core and end after ``seconds``, whatever happens.

    Headless Chromium has been seen to raise its own threads to real-time priority and to starve a machine of two
    cores; confined to one it cannot.
    """
    from playwright.sync_api import sync_playwright

    executable = find_chromium()
    assert executable is not None
    core = max(os.sched_getaffinity(0))
    wrapper = folder / "chromium-bounded"
    wrapper.write_text(
        f'#!/bin/sh\nexec chrt --other 0 taskset -c {core} timeout -k 5 {seconds} "{executable}" "$@"\n', encoding="utf-8"
    )
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(wrapper), args=FLAGS, headless=True)
        try:
            yield browser
        finally:
            browser.close()
