"""The progress bar of a film or of many."""

from __future__ import annotations

import contextlib
import sys
from types import TracebackType
from typing import Self

from tqdm import tqdm

from rtstyle.frame import StreamInfo


class _Unfailing:
    """Standard error whose reader may have gone: tqdm keeps its lock when a write fails, and the run would never end."""

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()

    def isatty(self) -> bool:
        return sys.stderr.isatty()

    def fileno(self) -> int:
        return sys.stderr.fileno()


class Bar:
    """One bar for all films of a run: frames done, frames a second, time left."""

    def __init__(self, *, hidden: bool = False) -> None:
        # In a log file every refresh is a line of its own: ten seconds apart is enough.
        pause = 0.2 if sys.stderr.isatty() else 10.0
        self._bar = tqdm(
            total=0,
            file=_Unfailing(),
            unit="frame",
            disable=hidden,
            dynamic_ncols=True,
            leave=False,
            smoothing=0.1,
            mininterval=pause,
            maxinterval=pause,
        )
        self._before = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.close()

    def expect(self, frames: int) -> None:
        """Count ``frames`` more as to be done."""
        self._bar.total = (self._bar.total or 0) + frames
        self._bar.refresh()

    def begin(self, info: StreamInfo) -> None:
        """A film begins."""
        self._before = self._bar.n
        if self._bar.total == self._bar.n:
            self.expect(info.frames or 0)
        self._bar.set_description(info.name.rsplit("/", 1)[-1][-30:])

    def step(self, frames: int, info: StreamInfo) -> None:
        """``frames`` of the present film are done."""
        self._bar.update(self._before + frames - self._bar.n)
