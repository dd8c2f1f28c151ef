"""A source that may be lost: an unplugged camera, a dropped stream. It is opened again and the run goes on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from rtstyle.channel import Channel, Closed
from rtstyle.errors import RTStyleError, SourceError
from rtstyle.frame import Frame, StreamInfo
from rtstyle.pixels import resize
from rtstyle.sources.base import Source
from rtstyle.sources.livetime import LIVE_TIME_BASE, LiveTime
from rtstyle.system.background import BackgroundThread

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.1
NOTICE_SECONDS = 0.5
"""While the picture is gone, its last frame comes again this often, with a notice that counts down."""
CLOSE_SECONDS = 0.4


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to wait for what."""

    opening: float = 20.0
    """Seconds until the first opening counts as failed."""
    silence: float = 5.0
    """Seconds without a frame until the source counts as lost."""
    first_delay: float = 0.5
    """Seconds before the first try to open it again; each further delay is twice as long."""
    longest_delay: float = 10.0


class _Feed(BackgroundThread):
    """Opens, reads and closes a source, all in one thread: a device that hangs in a call hangs nobody else."""

    def __init__(self, open_source: Callable[[], Source]) -> None:
        super().__init__(name="capture")
        self._open_source = open_source
        self.frames: Channel[Frame] = Channel(1, newest=True)
        self.ready = threading.Event()
        """Set when the source is open, or could not be opened."""
        self.info: StreamInfo | None = None
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            with self._open_source() as source:
                self.info = source.info
                self.ready.set()
                for frame in source:
                    at = time.monotonic() if frame.captured_at is None else frame.captured_at
                    self.frames.put(replace(frame, captured_at=at))
        except Closed:
            pass
        except Exception as error:
            self.error = error
        finally:
            self.frames.close()
            self.ready.set()


class SupervisedSource:
    """Yields the newest frame of what ``open_source`` opens; lost, it is opened again after ever longer delays.

    Meanwhile the last picture comes twice a second with a ``notice``. Only the first opening raises: :class:`SourceError`
    or whatever the source raises. A stream that is known to end (a file behind an address) ends the run.
    """

    def __init__(
        self, open_source: Callable[[], Source], *, stop: threading.Event | None = None, patience: Patience | None = None
    ) -> None:
        self._open_source = open_source
        self._stop = stop or threading.Event()
        self._patience = patience or Patience()
        self._feed: _Feed | None = None
        self._info: StreamInfo | None = None
        self._last: Frame | None = None
        self.reconnects = 0

    @property
    def info(self) -> StreamInfo:
        if self._info is None:
            raise RuntimeError("a source has its info inside its with block")
        return replace(self._info, live=True, frames=None, time_base=LIVE_TIME_BASE)

    def __enter__(self) -> Self:
        feed = self._start()
        if not feed.ready.wait(self._patience.opening):
            self._drop()
            raise SourceError(f"the source did not open within {self._patience.opening:g} s")
        if feed.info is None:
            raise feed.error or SourceError("the source has no frames")
        self._info = feed.info
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        feed = self._feed
        self._drop()
        if feed is not None:
            feed.join(CLOSE_SECONDS)

    def __iter__(self) -> Iterator[Frame]:
        clock = LiveTime()
        for frame in self._captured():
            assert frame.captured_at is not None
            yield clock.stamped(frame, frame.captured_at)

    def _captured(self) -> Iterator[Frame]:
        delay = self._patience.first_delay
        heard = time.monotonic()
        while not self._stop.is_set() and self._feed is not None:
            try:
                frame = self._feed.frames.get(timeout=POLL_SECONDS)
            except TimeoutError:
                if time.monotonic() < heard + self._patience.silence:
                    continue
                why = f"no picture for {self._patience.silence:g} s"
            except Closed:
                if self._ended():
                    return
                why = _reason(self._feed.error)
            else:
                heard, delay = time.monotonic(), self._patience.first_delay
                self._last = self._fitted(frame)
                yield self._last
                continue
            yield from self._reopened(why, delay)
            heard, delay = time.monotonic(), min(self._patience.longest_delay, 2 * delay)

    def _reopened(self, why: str, delay: float) -> Iterator[Frame]:
        """Wait, then open again; notices come out meanwhile. The caller finds out whether it worked."""
        name = self.info.name or "the source"
        logger.warning("%s is lost (%s); trying again in %.1f s", name, why, delay)
        self._drop()
        until = time.monotonic() + delay
        while time.monotonic() < until and not self._stop.is_set():
            yield from self._notice(f"{name} is gone \u2013 trying again in {max(1, round(until - time.monotonic()))} s")
            self._stop.wait(min(NOTICE_SECONDS, max(0.0, until - time.monotonic())))
        if self._stop.is_set():
            return
        self.reconnects += 1
        feed = self._start()
        until = time.monotonic() + self._patience.opening
        while not self._stop.is_set() and time.monotonic() < until and not feed.ready.wait(NOTICE_SECONDS):
            yield from self._notice(f"{name} is gone \u2013 connecting")

    def _notice(self, text: str) -> Iterator[Frame]:
        if self._last is not None:
            yield replace(self._last, notice=text, captured_at=time.monotonic())

    def _ended(self) -> bool:
        feed = self._feed
        return feed is not None and feed.error is None and feed.info is not None and feed.info.frames is not None

    def _fitted(self, frame: Frame) -> Frame:
        """A camera may come back at another size; the outputs keep theirs."""
        return frame if frame.size == self.info.size else frame.with_data(resize(frame.data, self.info.size))

    def _start(self) -> _Feed:
        self._feed = _Feed(self._open_source)
        self._feed.start()
        return self._feed

    def _drop(self) -> None:
        if self._feed is not None:
            self._feed.frames.abort()


def _reason(error: Exception | None) -> str:
    if error is None:
        return "its stream ended"
    return str(error) if isinstance(error, RTStyleError) else f"{type(error).__name__}: {error}"
