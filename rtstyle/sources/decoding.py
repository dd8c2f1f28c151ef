"""From a container to decoded pictures: past damage, which is counted, and to wherever the file ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

from av.error import EOFError as AvEOFError
from av.error import FFmpegError

from rtstyle.errors import SourceError
from rtstyle.sources.clock import Clock
from rtstyle.sources.continuity import Continuity
from rtstyle.sources.opening import check_pixels, reason
from rtstyle.sources.reading import Damage, ReadOptions
from rtstyle.sources.seeking import from_key_frame, is_read_through, seek_key_frame
from rtstyle.sources.wholeness import EndWatch

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

PacketTap = Callable[["Packet[Any]"], None]
"""Takes the packets of the other tracks as they are read."""
MAX_ERRORS_IN_A_ROW = 500
"""Refused packets without a frame between them until a stream counts as unreadable; bounds the time spent on rubbish."""


class Decoder:
    """Decodes ``stream``; ``damage`` grows while it does. Raises :class:`SourceError` at the first damage if it is strict."""

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        options: ReadOptions,
        *,
        name: str,
        damage: Damage,
        side_streams: list[Stream],
        tap: PacketTap | None,
    ) -> None:
        self._container = container
        self._stream = stream
        self._options = options
        self._name = name
        self._damage = damage
        self._side_streams = side_streams
        self._tap = tap
        self._packets_read = 0
        self._end_watch = EndWatch(container, stream)
        self._continuity = Continuity(container, stream)
        self._found: list[Packet[Any]] = []
        self._goal: Fraction | None = None
        """Where decoding begins in a film that is read through to there."""
        self.clock = Clock(stream, container.format.name)

    def seek(self, goal: Fraction) -> None:
        """Before the first frame: go to where everything from ``goal`` seconds on can be decoded."""
        if is_read_through(self._container, self._name):
            self._goal = goal
            return
        packet = seek_key_frame(self._container, self._stream, goal)
        self._found = [packet] if packet else []

    def timed(self) -> Iterator[VideoFrame]:
        """The frames in order, each with a time that an encoder can use."""
        for frame in self._decoded():
            frame.pts = self.clock.time_of(frame)
            frame.time_base = self.clock.time_base
            yield frame

    def _decoded(self) -> Iterator[VideoFrame]:
        in_a_row = 0
        for packet in self._packets():
            try:
                frames = self._stream.codec_context.decode(packet)
            except AvEOFError:
                return
            except FFmpegError as error:
                self._harm(f"packet {self._packets_read}: {reason(error)}")
                in_a_row += 1
                if packet is not None:
                    self.clock.lost(packet)
                if in_a_row > MAX_ERRORS_IN_A_ROW:
                    self._damage.truncated = "too much damage in a row: reading was given up"
                    return
                continue
            in_a_row = 0
            if packet is not None and not frames:
                self.clock.held_back(packet)
            for frame in frames:
                check_pixels(frame.width, frame.height, self._options.max_pixels, self._name)
                if frame.is_corrupt:
                    self._harm("a picture came out broken")
                yield frame

    def _packets(self) -> Iterator[Packet[VideoStream] | None]:
        """The film's packets, then None to flush the decoder, whatever the file does."""
        packets = self._followed()
        if self._goal is not None:
            packets = from_key_frame(packets, self._stream, self._goal)
        while True:
            try:
                packet = next(packets, None)
            except FFmpegError as error:
                self._cut_short(f"the input ends early: {reason(error)}")
                break
            if packet is not None and packet.stream is not self._stream:
                if self._tap is not None:
                    self._tap(packet)
                continue
            if packet is None or (packet.dts is None and packet.size == 0):
                break
            self._packets_read += 1
            if packet.is_corrupt:
                self._harm(f"packet {self._packets_read} is damaged")
            film_packet = cast("Packet[VideoStream]", packet)
            self.clock.saw(film_packet)
            self._end_watch.saw(film_packet)
            yield film_packet
        if not self._damage.truncated and (verdict := self._end_watch.verdict()):
            self._cut_short(verdict)
        yield None

    def _followed(self) -> Iterator[Packet[Any]]:
        """All packets that are read, each in its place in time."""
        wanted = {stream.index: stream for stream in (self._stream, *self._side_streams, *self._continuity.streams)}
        for packet in chain(self._found, self._container.demux(*wanted.values())):
            self._continuity.follow(packet)
            yield packet

    def _harm(self, what: str) -> None:
        if self._options.strict:
            raise SourceError(f"{self._name}: {what}")
        self._damage.packets += 1

    def _cut_short(self, what: str) -> None:
        if self._options.strict:
            raise SourceError(f"{self._name}: {what}")
        self._damage.truncated = what
