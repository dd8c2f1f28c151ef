"""Threads that a program may end without."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable


class BackgroundThread(threading.Thread):
    """Work that may hang in a driver, a connection or a compiler, and is left behind then: it keeps no program from ending."""

    def __init__(self, target: Callable[[], object] | None = None, *, name: str) -> None:
        super().__init__(target=target, name=name, daemon=True)


def leave(code: int) -> None:
    """End the program with the exit code ``code``.

    A thread that was left behind in native code, and comes back from it while the interpreter is being taken down, is unwound
    by Python, which C++ answers by aborting the process. So where there is one, the interpreter is not taken down.
    """
    if not any(isinstance(thread, BackgroundThread) for thread in threading.enumerate()):
        sys.exit(code)
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # its reader is gone, or it is closed
            stream.flush()
    os._exit(code)
