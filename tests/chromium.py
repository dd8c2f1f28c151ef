"""Starts headless Chromium on a short leash: ordinary priority for good, a time limit, gone at the end.

Run as a program it is the leash: it gives up what could make a process real-time, then becomes Chromium.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-component-update",
    "--disable-crash-reporter",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--mute-audio",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
LONGEST_S = 540
START_MS = 60_000
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, CAP_SYS_NICE = 1, 24, 23


class ChromiumMissingError(Exception):
    """There is no browser to be had; says why."""


def find_chromium(playwright: Any) -> str:
    """The file of ``RTSTYLE_CHROMIUM``, else of Playwright's own browser, else of one on PATH; or raises ChromiumMissingError."""
    named = os.environ.get("RTSTYLE_CHROMIUM")
    if named:
        if not Path(named).is_file():
            raise ChromiumMissingError(f"RTSTYLE_CHROMIUM names {named}, which is no file")
        return named
    own = playwright.chromium.executable_path
    if own and Path(own).is_file():
        return str(own)
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        path = shutil.which(name)
        if path:
            return path
    raise ChromiumMissingError("Chromium is not installed (apt-get install chromium, or playwright install chromium)")


@contextmanager
def bounded_chromium(folder: Path, *, seconds: int = LONGEST_S) -> Iterator[Any]:
    """A Playwright browser whose processes end after ``seconds``, whatever happens; raises :class:`ChromiumMissingError`.

    ``folder`` takes what it leaves behind.
    """
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise ChromiumMissingError("the package playwright is not installed") from error
    with sync_playwright() as playwright:
        wrapper = folder / "chromium-leashed"
        command = [sys.executable, str(Path(__file__).resolve()), str(seconds), find_chromium(playwright)]
        quoted = " ".join(f"'{part}'" for part in command)
        wrapper.write_text(f'#!/bin/sh\nexec {quoted} "$@"\n', encoding="utf-8")
        wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
        environment = {**os.environ, "XDG_CONFIG_HOME": str(folder)}
        try:
            browser = playwright.chromium.launch(
                executable_path=str(wrapper), args=FLAGS, headless=True, timeout=START_MS, env=environment
            )
        except Error as error:
            raise ChromiumMissingError(f"{command[-1]} does not start: {error.message.splitlines()[0]}") from error
        try:
            yield browser
        finally:
            browser.close()


def become_leashed(seconds: str, executable: str, arguments: list[str]) -> None:
    """Replace this process by Chromium, for ``seconds`` at most.

    As root, Chromium makes its audio threads real-time, and then they can starve a whole machine. Without CAP_SYS_NICE
    in the bounding set, and with limits of 0, no process below this one can. It ends with the process that started it.
    """
    if sys.platform == "linux":
        import resource

        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_CAPBSET_DROP, CAP_SYS_NICE, 0, 0, 0)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
        resource.setrlimit(resource.RLIMIT_NICE, (0, 0))
    timer = shutil.which("timeout")
    command = [timer, "-k", "5", seconds, executable, *arguments] if timer else [executable, *arguments]
    os.execv(command[0], command)


if __name__ == "__main__":
    become_leashed(sys.argv[1], sys.argv[2], sys.argv[3:])
