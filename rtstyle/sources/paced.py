"""A film as a camera: its frames come when they are due, and nobody waits for those who are late."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from types import TracebackType
from typing import Self

from rtstyle.errors import SourceError
from rtstyle.frame import Frame, StreamInfo
from rtstyle.pixels import Size, resize
from rtstyle.sources.base import Source
from rtstyle.sources.livetime import LIVE_TIME_BASE, LiveTime

LATE_SECONDS = 0.25
"""A film that was held up by more than this goes on from where it is instead of rushing to catch up."""


class PacedSource:
    """Plays what ``open_source`` opens at its own speed, again and again with ``loop``."""

    def __init__(
        self,
        open_source: Callable[[], Source],
        *,
        size: Size | None = None,
        loop: bool = False,
        only_finite: bool = False,
        stop: threading.Event | None = None,
    ) -> None:
        """``size``: (height, width) to bring frames to. ``only_finite``: what has no known end (a camera behind an address) comes
        as it comes. ``stop`` cuts waits short.
        """
        self._open_source = open_source
        self._size = size
        self._loop = loop
        self._only_finite = only_finite
        self._stop = stop or threading.Event()
        self._inner: Source | None = None

    @property
    def info(self) -> StreamInfo:
        if self._inner is None:
            raise RuntimeError("a source has its info inside its with block")
        info, frames = self._inner.info, None if self._loop else self._inner.info.frames
        return replace(info, size=self._size or info.size, live=True, frames=frames, time_base=LIVE_TIME_BASE, start=Fraction(0))

    def __enter__(self) -> Self:
        self._inner = self._open_source()
        self._inner.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._inner is not None:
            self._inner.__exit__(kind, error, trace)
            self._inner = None

    def __iter__(self) -> Iterator[Frame]:
        clock = LiveTime()
        as_it_comes = self._only_finite and self._inner is not None and self._inner.info.frames is None
        while not self._stop.is_set():
            begun: float | None = None
            for frame in self._played():
                due = float(frame.pts_seconds)
                now = time.monotonic()
                if begun is None or now - (begun + due) > LATE_SECONDS:
                    begun = now - due
                if not as_it_comes:
                    self._stop.wait(max(0.0, begun + due - now))
                if self._stop.is_set():
                    return
                yield clock.stamped(frame, time.monotonic())
            if begun is None:
                raise SourceError(f"{self.info.name} has no frames")
            if not self._loop:
                return
            self._reopen()

    def _played(self) -> Iterator[Frame]:
        for frame in self._inner or ():
            yield frame.with_data(resize(frame.data, self._size)) if self._size else frame

    def _reopen(self) -> None:
        if self._inner is None:
            return
        self._inner.__exit__(None, None, None)
        self._inner = self._open_source()
        self._inner.__enter__()
