"""Ctrl-C, SIGTERM and a terminal that is closed, as a question that a loop can ask when it suits it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

HANGUP: int | None = getattr(signal, "SIGHUP", None)
"""What a terminal sends to its programs when it is closed; unknown on Windows."""


@contextmanager
def interruptible(event: threading.Event | None = None) -> Generator[Callable[[], bool]]:
    """Yield a function that tells whether an interrupt came; a second Ctrl-C acts at once. ``event`` is set with it.

    Outside the main thread signals are not ours to take: the function then always says no.
    """
    seen: list[int] = []
    previous: dict[int, Any] = {}

    def note(number: int, _frame: object) -> None:
        seen.append(number)
        if event is not None:
            event.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    try:
        for number in ending_signals():
            previous[number] = signal.signal(number, note)
    except ValueError:
        pass
    try:
        yield lambda: bool(seen)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def ending_signals() -> list[int]:
    """The signals that ask a program to end; not that of a closed terminal where ``nohup`` has it ignored."""
    hangup = [HANGUP] if HANGUP is not None and signal.getsignal(HANGUP) is not signal.SIG_IGN else []
    return [signal.SIGINT, signal.SIGTERM, *hangup]
