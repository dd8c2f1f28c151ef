"""A live stream with its sound, opened again where it is lost, for passing it on."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rtstyle.errors import SourceError
from rtstyle.frame import Frame, StreamInfo
from rtstyle.pixels import resize
from rtstyle.sources.reading import Damage, ReadOptions
from rtstyle.sources.tracks import Cover
from rtstyle.sources.video import VideoSource

if TYPE_CHECKING:
    from av.container.core import Chapter
    from av.packet import Packet
    from av.stream import Stream

logger = logging.getLogger(__name__)

PATIENCE = 30.0
"""Seconds of tries until a lost stream counts as over."""
RETRY_SECONDS = 1.0
STOP_SECONDS = 0.2
WAITING_PACKETS = 2000
"""Packets of sound that may wait for their pictures; older ones are lost when pictures stay away."""


class TappedTracks:
    """Sound and subtitles of a stream that is being read already: their packets are handed in as they come.

    What is due before ``start`` or from ``end`` on is left out, once they are known.
    """

    def __init__(self) -> None:
        self.start: Fraction | None = None
        self.end: Fraction | None = None
        self.streams: list[Stream] = []
        self.chapters: list[Chapter] = []
        self.tags: dict[str, str] = {}
        self.covers: list[Cover] = []
        self.left_out: list[tuple[int, str]] = []
        self.damaged = False
        self._waiting: deque[tuple[Fraction, Packet[Any]]] = deque(maxlen=WAITING_PACKETS)
        self._last: dict[int, Fraction] = {}

    def put(self, packet: Packet[Any], offset: Fraction) -> None:
        """Take in a packet whose times are ``offset`` seconds behind the relay's."""
        if packet.pts is None or packet.size == 0:
            return
        moved = round(offset / Fraction(packet.time_base))
        packet.pts += moved
        packet.dts = packet.pts if packet.dts is None else packet.dts + moved
        due = packet.dts * Fraction(packet.time_base)
        if due <= self._last.get(packet.stream_index, due - 1):
            return  # a stream that came back overlaps with what was there before
        self._last[packet.stream_index] = due
        self._waiting.append((due, packet))

    def packets(self, until: Fraction | None) -> Iterator[Packet[Any]]:
        while self._waiting and (until is None or self._waiting[0][0] <= until):
            due, packet = self._waiting.popleft()
            if (self.start is None or due >= self.start) and (self.end is None or due < self.end):
                yield packet


class RelaySource:
    """Yields the frames of a live address, times continuous over interruptions; ``tracks`` is its sound.

    Raises :class:`SourceError` on entry where it cannot be opened, ``KeyboardInterrupt`` where ``stop`` came first. A stream
    that is lost for longer than ``patience`` seconds ends, with ``damage`` saying so. ``start`` and ``end`` of the options count
    from its first frame.
    """

    def __init__(
        self,
        name: str | os.PathLike[str],
        options: ReadOptions | None = None,
        *,
        stop: threading.Event | None = None,
        audio: bool = True,
        patience: float = PATIENCE,
    ) -> None:
        self.name = str(name)
        self.damage = Damage()
        self.reconnects = 0
        given = options or ReadOptions()
        self._cut = given.start, given.end
        self._options = replace(given, start=None, end=None)
        self._stop = stop or threading.Event()
        self._audio = audio
        self._patience = patience
        self._offset: Fraction | None = Fraction(0)
        """Seconds between the stream's clock and ours; None while a stream that came back has not told its time."""
        self._early: list[Packet[Any]] = []
        self.tracks = TappedTracks()

    @property
    def info(self) -> StreamInfo:
        return replace(self._info, live=True, frames=None)

    @property
    def origin(self) -> Fraction:
        """The time of the first frame, or of the cut: an output counts from it."""
        return self._origin

    @property
    def notices(self) -> list[str]:
        """What a user should know of how the stream was read."""
        lost = [f"the stream was lost and came back {self.reconnects} times"] if self.reconnects else []
        return [*self._source.notices, *lost]

    def __enter__(self) -> Self:
        try:
            self._source = self._connect()
        except SourceError:
            if self._stop.is_set():
                raise KeyboardInterrupt from None
            raise
        self._info = self._source.info
        start, end = self._cut
        first = self._source.first_seconds
        self._origin = first + (start or 0)
        self._end = None if end is None else first + end
        self.tracks.start, self.tracks.end = None if start is None else self._origin, self._end
        self.tracks.streams, self.tracks.tags = self._source.side_streams, dict(self._info.tags)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._source.__exit__(None, None, None)

    def __iter__(self) -> Iterator[Frame]:
        last: Frame | None = None
        count = 0
        while not self._stop.is_set():
            for frame in self._source:
                pts = frame.pts + round((self._offset or 0) / frame.time_base)
                if last is not None and pts <= last.pts:
                    continue
                data = resize(frame.data, self._info.size)  # it may have come back at another size; an output keeps its own
                last = replace(frame, data=data, pts=pts, index=count, captured_at=time.monotonic())
                if last.pts_seconds < self._origin:
                    continue
                if self._end is not None and last.pts_seconds >= self._end:
                    return
                count += 1
                yield last
            self.damage.packets += self._source.damage.packets
            if self._stop.is_set() or not self._reconnect(last):
                return

    def _connect(self) -> VideoSource:
        source = VideoSource(self.name, self._options, tap=self._tap if self._audio else None)
        connected = threading.Event()

        def give_up_when_stopped() -> None:
            while not connected.wait(STOP_SECONDS):
                if self._stop.is_set():
                    source.cancel()

        threading.Thread(target=give_up_when_stopped, name="give up", daemon=True).start()
        try:
            return source.__enter__()
        finally:
            connected.set()

    def _tap(self, packet: Packet[Any]) -> None:
        if self._offset is None:
            self._early.append(packet)
        else:
            self.tracks.put(packet, self._offset)

    def _reconnect(self, last: Frame | None) -> bool:
        """Try to open it again; the time it was away stays away. False where it stays lost."""
        lost_at = time.monotonic()
        logger.warning("%s is lost; trying again for %g s", self.name, self._patience)
        self._offset = None
        self._source.__exit__(None, None, None)  # it would keep its port from its successor
        while not self._stop.wait(RETRY_SECONDS):
            self._early.clear()
            try:
                source = self._connect()
            except SourceError as error:
                if time.monotonic() - lost_at > self._patience:
                    self.damage.truncated = f"the stream was lost: {error}"
                    return False
                continue
            self._source = source
            self.reconnects += 1
            away = Fraction(round((time.monotonic() - lost_at) * 1000), 1000)
            self._offset = last.pts_seconds + away - source.first_seconds if last is not None else Fraction(0)
            for packet in self._early:
                self.tracks.put(packet, self._offset)
            return True
        return False
