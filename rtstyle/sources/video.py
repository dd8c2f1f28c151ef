"""Films: any file, address or device that PyAV opens, every frame with its own time."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rtstyle.frame import Frame, StreamInfo
from rtstyle.sources.decoding import PacketTap
from rtstyle.sources.filmtrack import FilmTrack
from rtstyle.sources.opening import check_input, open_carrier, open_container
from rtstyle.sources.reading import Damage, ReadOptions

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

    from rtstyle.sources.carrier import CarrierReader

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 1.0


class VideoSource:
    """Reads the film track of ``name``; upright, progressive, RGB. See :class:`ReadOptions`.

    Opening decodes the first frame. Raises :class:`UsageError` for a name that cannot be an input and
    :class:`SourceError` for a file that is no video or has no frame.
    """

    def __init__(self, name: str | os.PathLike[str], options: ReadOptions | None = None, *, tap: PacketTap | None = None) -> None:
        self.name = str(name)
        self.options = options or ReadOptions()
        self.damage = Damage()
        self._tap = tap
        self._carrier: CarrierReader | None = None
        self._container: InputContainer | None = None
        self._track: FilmTrack | None = None
        self._reading = threading.Lock()
        """Held while libav works on the container: closing it under its feet would crash."""

    @property
    def track(self) -> FilmTrack:
        """What is read, once it is open."""
        if self._track is None:
            raise RuntimeError("a source is open inside its with block")
        return self._track

    @property
    def info(self) -> StreamInfo:
        return self.track.info

    @property
    def origin(self) -> Fraction:
        """The moment, in seconds, that an output should call zero: the cut, the start of a broadcast, or of a film that
        begins before zero, which most containers cannot hold."""
        return self.track.origin

    @property
    def first_seconds(self) -> Fraction:
        """The first frame's time, as all frames have it."""
        return self.track.first.pts_seconds

    @property
    def side_streams(self) -> list[Stream]:
        """The sound and subtitles beside the film, where a ``tap`` takes their packets."""
        return self.track.side_streams

    @property
    def notices(self) -> list[str]:
        """What a user should know of how the film was read."""
        return self.track.notices

    def __enter__(self) -> Self:
        it = self.options
        check_input(self.name)
        self._carrier = open_carrier(self.name, it.timeout)
        try:
            self._container = open_container(
                self.name, format=it.format, max_pixels=it.max_pixels, timeout=it.timeout, carrier=self._carrier
            )
            self._track = FilmTrack(self._container, self.name, it, self.damage, tap=self._tap)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._carrier is not None:
            self._carrier.close()  # a read that waits for it comes back
        if self._container is None:
            return
        if not self._reading.acquire(timeout=CLOSE_SECONDS):
            logger.warning("%s still hangs in a read and is left to itself", self.name)
            return
        if self._track is not None:
            self._track.frames = iter(())
        self._container.close()
        self._container = None

    def cancel(self) -> None:
        """Let an opening that waits for the other side fail at once, where a process of ours waits (``srt://``)."""
        if self._carrier is not None:
            self._carrier.close()

    def __iter__(self) -> Iterator[Frame]:
        frame: Frame | None = self.track.first
        while frame is not None:
            yield frame
            with self._reading:
                frame = next(self.track.frames, None)


def probe(name: str | os.PathLike[str], options: ReadOptions | None = None) -> StreamInfo:
    """What is known of a film without painting it; raises as :class:`VideoSource`."""
    with VideoSource(name, options) as source:
        return replace(source.info)
