"""Everything of a film but its picture: sound, subtitles, chapters, tags. Compressed packets, not touched."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from av.error import FFmpegError
from av.stream import Discard

from rtstyle.sources.continuity import Continuity, zero_of
from rtstyle.sources.opening import is_cover, open_container, video_stream
from rtstyle.sources.seeking import is_read_through

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.container.core import Chapter
    from av.packet import Packet
    from av.stream import Stream

KINDS = ("audio", "subtitle", "attachment")
CHAPTER_NAMES = "bin_data"
"""What libav calls the track with the names of an mp4's chapters."""
LONGEST_READING = Fraction(20)
"""Seconds before the start in which a subtitle may begin that is still shown there."""
_KINDS_OF_COVERS = {
    "mjpeg": ("jpg", "image/jpeg"),
    "png": ("png", "image/png"),
    "webp": ("webp", "image/webp"),
    "gif": ("gif", "image/gif"),
}


@dataclass(frozen=True)
class Cover:
    """A picture that stands for the film."""

    stream: Stream
    packet: Packet[Any]
    """The picture's file, byte for byte, due at 0."""
    file_name: str
    media_type: str


class Tracks(Protocol):
    """What a film has beside its picture, in order of time."""

    streams: list[Stream]
    chapters: list[Chapter]
    tags: dict[str, str]
    covers: list[Cover]
    left_out: list[tuple[int, str]]
    """Index and kind of the tracks that no copy can have."""
    damaged: bool
    """Whether reading ended before the end of the file."""

    def packets(self, until: Fraction | None) -> Iterator[Packet[Stream]]:
        """The next packets up to ``until`` seconds; all that are left for None."""
        ...


class FileTracks:
    """Reads the tracks of a file through a container of its own, so that sound never waits for pictures.

    ``start`` and ``end``, seconds as in :class:`ReadOptions`, leave out the packets that lie outside; ``early`` keeps the one
    that is sounding at ``start``. A subtitle that is shown then is always kept, and none is shown longer than to ``end``.
    Raises as :func:`rtstyle.sources.opening.open_container`.
    """

    def __init__(
        self,
        name: str | os.PathLike[str],
        *,
        start: Fraction | None = None,
        end: Fraction | None = None,
        audio: bool = True,
        early: bool = True,
    ) -> None:
        self.name = str(name)
        self._start, self._end, self._audio, self._early = start, end, audio, early
        self._held: Packet[Stream] | None = None
        self.streams: list[Stream] = []
        self.chapters: list[Chapter] = []
        self.tags: dict[str, str] = {}
        self.covers: list[Cover] = []
        self.left_out: list[tuple[int, str]] = []
        self.damaged = False
        self._container: InputContainer | None = None

    def __enter__(self) -> Self:
        container = self._container = open_container(self.name)
        try:
            picture = video_stream(container, self.name)
        except BaseException:
            container.close()
            raise
        zero = zero_of(container)
        self._start = None if self._start is None else zero + self._start
        self._end = None if self._end is None else zero + self._end
        self._continuity = Continuity(container, picture)
        for stream in container.streams:
            wanted = stream is not picture and stream.type in KINDS and (self._audio or stream.type != "audio")
            stream.discard = Discard.default if wanted or stream in self._continuity.streams else Discard.all
            if wanted:
                self.streams.append(stream)
        self.chapters = container.chapters()
        self.covers = _read_covers(self.name, container) if any(map(is_cover, container.streams)) else []
        self.left_out = [(it.index, it.type) for it in container.streams if it is not picture and self._is_left_out(it)]
        self.tags = dict(container.metadata)
        moving = [stream for stream in self.streams if stream.type != "attachment"]
        if moving and self._start and not is_read_through(container, self.name):
            self._seek(container)
        read = {stream.index: stream for stream in (*moving, *self._continuity.streams)}
        self._packets = container.demux(*read.values()) if moving else iter(())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._packets = iter(())
        self._held = None
        if self._container is not None:
            self._container.close()
            self._container = None

    def packets(self, until: Fraction | None) -> Iterator[Packet[Stream]]:
        while True:
            packet, self._held = self._held or self._next(), None
            if packet is None:
                return
            if until is not None and packet_time(packet) > until:
                self._held = packet
                return
            yield packet

    def _is_left_out(self, stream: Stream) -> bool:
        if stream.type == "video":
            return not is_cover(stream)
        # In mp4 and mov the names of chapters are a track of their own, and those are kept as chapters.
        return stream.type == "data" and not (self.chapters and stream.name == CHAPTER_NAMES)

    def _seek(self, container: InputContainer) -> None:
        assert self._start is not None
        back = LONGEST_READING if any(stream.type == "subtitle" for stream in self.streams) else 0
        try:
            container.seek(int((self._start - back) * 1_000_000), backward=True)
        except FFmpegError:
            return

    def _next(self) -> Packet[Stream] | None:
        while True:
            try:
                packet = next(self._packets, None)
            except FFmpegError:
                self.damaged = True
                return None
            if packet is None:
                return None
            self._continuity.follow(packet)
            if packet.stream in self.streams and self._lies_inside(packet):
                if packet.stream.type == "subtitle":
                    self._trim(packet)
                return packet

    def _lies_inside(self, packet: Packet[Stream]) -> bool:
        if packet.pts is None or packet.size == 0:
            return False
        begins = packet.pts * Fraction(packet.time_base)
        ends = begins + (packet.duration or 0) * Fraction(packet.time_base)
        inside = self._start is None or begins >= self._start
        if self._start is not None and (self._early or packet.stream.type == "subtitle"):
            inside = inside or ends > self._start
        return inside and (self._end is None or begins < self._end)

    def _trim(self, subtitle: Packet[Stream]) -> None:
        if self._end is not None and subtitle.pts is not None and subtitle.duration:
            unit = Fraction(subtitle.time_base)
            subtitle.duration = min(subtitle.duration, round((self._end - subtitle.pts * unit) / unit))


def _read_covers(name: str, film: InputContainer) -> list[Cover]:
    """The covers of ``film``, read apart: libav hands their pictures out once, before all else."""
    covers: list[Cover] = []
    with open_container(name) as apart:
        for stream in film.streams.video:
            if not is_cover(stream):
                continue
            packet = next((it for it in apart.demux(apart.streams[stream.index]) if it.size), None)
            kind = _KINDS_OF_COVERS.get(stream.codec_context.name)
            if packet is None or kind is None:
                continue
            packet.pts = packet.dts = 0
            covers.append(Cover(stream, packet, stream.metadata.get("filename") or f"cover.{kind[0]}", kind[1]))
    return covers


def packet_time(packet: Packet[Stream]) -> Fraction:
    """When a packet is due, in seconds."""
    time = packet.dts if packet.dts is not None else packet.pts
    return (time or 0) * Fraction(packet.time_base)
