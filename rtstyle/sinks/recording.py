"""Recordings that are started and stopped while a live session runs."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from rtstyle.errors import RTStyleError
from rtstyle.frame import Frame, StreamInfo
from rtstyle.sinks.encoders import DEFAULT_CODEC, VideoOptions, container_of
from rtstyle.sinks.video import VideoSink
from rtstyle.sources.livetime import LIVE_TIME_BASE, LiveTime

logger = logging.getLogger(__name__)

LIVE_PRESETS = {"h264": "superfast", "vp9": "8"}
"""By codec, where it has any: encoding shares the machine with painting."""
LIVE_STREAM = VideoOptions(codec="h264", preset=LIVE_PRESETS["h264"])
"""How a live picture is sent to an address."""
BUSY_SECONDS = 10.0
"""How long the encoder may need at the end of a run for what waits for it."""


def live_options(path: Path) -> VideoOptions:
    """How a recording is written; raises :class:`UsageError` where its name is not that of one film."""
    codec = DEFAULT_CODEC[container_of(path, pictures=False)]
    return VideoOptions(codec=codec, preset=LIVE_PRESETS.get(codec))


def dated_name(folder: Path, suffix: str) -> Path:
    """``rtstyle-20260131-120000.mp4`` in ``folder``, with a number behind it where that exists."""
    stem = f"rtstyle-{datetime.now():%Y%m%d-%H%M%S}"
    path = folder / f"{stem}{suffix}"
    count = 2
    while os.path.exists(path):
        path = folder / f"{stem}-{count}{suffix}"
        count += 1
    return path


@dataclass
class _Film:
    """A recording that runs."""

    sink: VideoSink
    begun: float
    asked_for: bool
    """By name, when the session began."""
    clock: LiveTime = field(default_factory=LiveTime)


class RecordingSink:
    """Writes an mp4 while ``wanted()`` says so; each start is a new file, its times are those of capture.

    The first recording goes to ``first`` where that is given and an error in it is raised; recordings begun by a key that
    fail are reported through ``say`` and end, nothing more. ``saved`` holds the finished files.
    """

    name = "recording"
    main_thread = False
    live_queue = 8

    def __init__(
        self,
        folder: Path,
        wanted: Callable[[], bool],
        *,
        first: Path | None = None,
        overwrite: bool = False,
        say: Callable[[str], None] = logger.info,
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        """``failed`` is called when a recording that a key began could not go on. Raises as :class:`VideoSink` for ``first``."""
        self._folder = folder
        self._wanted = wanted
        self._say = say
        self._failed = failed
        self._first = VideoSink(first, live_options(first), overwrite=overwrite) if first else None
        self._film: _Film | None = None
        self._finishing = False
        self._info: StreamInfo | None = None
        self.saved: list[Path] = []

    @property
    def on_request(self) -> bool:
        """Whether a key decides what is recorded: a live run does not go on for such recordings alone."""
        film = self._film
        return not (film.asked_for if film else self._first is not None)

    @property
    def live_patience(self) -> float:
        """Seconds that a run's end waits for the encoder: what has been recorded is not lost because the machine is busy.

        A film that is being finished is waited for however long its disk takes, as at every other end.
        """
        return math.inf if self._finishing else BUSY_SECONDS

    @property
    def seconds(self) -> float | None:
        """How long the running recording is; None without one."""
        film = self._film
        return time.monotonic() - film.begun if film else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end(error)

    def open(self, info: StreamInfo) -> None:
        self._info = replace(info, time_base=LIVE_TIME_BASE)

    def write(self, frame: Frame) -> None:
        on_request = self.on_request
        try:
            if not self._wanted():
                self._end()
                return
            film = self._film or self._begin()
            film.sink.write(film.clock.stamped(frame, time.monotonic() if frame.captured_at is None else frame.captured_at))
        except (RTStyleError, OSError) as error:
            self._end(error)
            if not on_request:
                raise
            self._failed()
            self._say(f"recording failed: {error}")

    def _begin(self) -> _Film:
        assert self._info is not None
        sink = self._first or self._new()
        sink.__enter__()
        self._film = _Film(sink, time.monotonic(), asked_for=self._first is not None)
        self._first = None
        sink.open(self._info)
        return self._film

    def _new(self) -> VideoSink:
        path = dated_name(self._folder, ".mp4")
        return VideoSink(path, live_options(path))

    def _end(self, error: BaseException | None = None) -> None:
        film, self._film = self._film, None
        if film is None:
            return
        self._finishing = True
        try:
            film.sink.__exit__(type(error) if error else None, error, None)
        finally:
            self._finishing = False
        if error is None and film.sink.frames:
            self.saved.append(film.sink.path)
            self._say(f"saved {film.sink.path.name}")
