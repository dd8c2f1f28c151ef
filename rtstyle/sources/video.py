"""Films: any file, address or device that PyAV opens, every frame with its own time."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from av.error import EOFError as AvEOFError
from av.error import FFmpegError

from rtstyle.errors import SourceError, UsageError
from rtstyle.frame import Frame, StreamInfo
from rtstyle.pixels import Pixels, Size, resize
from rtstyle.sources.clock import Clock
from rtstyle.sources.colour import Converter
from rtstyle.sources.cuts import CutDetector
from rtstyle.sources.deinterlace import Deinterlacer
from rtstyle.sources.opening import MAX_PIXELS, TIMEOUT, check_pixels, is_live, open_container, reason, video_stream
from rtstyle.sources.wholeness import EndWatch

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

PacketTap = Callable[["Packet[Any]"], None]
"""Takes the packets of the other tracks as they are read."""
logger = logging.getLogger(__name__)

BROADCAST = ("mpegts", "mpeg", "rtsp", "rtp", "sdp", "hls", "applehttp")
"""Formats whose clock runs since who knows when: their first moment counts as zero."""
CLOSE_SECONDS = 1.0
MAX_ERRORS_IN_A_ROW = 500
"""Refused packets without a frame between them until a stream counts as unreadable; bounds the time spent on rubbish."""


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How a film is read."""

    start: Fraction | None = None
    """Seconds; frames before it are skipped. Times stay those of the input."""
    end: Fraction | None = None
    """Seconds; the first frame at or after it ends the film."""
    after: Fraction | None = None
    """Seconds; frames up to it are skipped because an earlier run has painted them. It is no cut: the origin stays."""
    deinterlace: bool = True
    strict: bool = False
    """Damage ends the run with an error instead of being skipped and counted."""
    max_pixels: int = MAX_PIXELS
    timeout: float = TIMEOUT
    format: str | None = None
    """The demuxer, where the name does not tell it: ``lavfi``, ``v4l2``, ``rawvideo``..."""
    threads: int = 0
    """Decoder threads; 0 leaves it to the decoder."""

    def __post_init__(self) -> None:
        if self.start is not None and self.start < 0:
            raise UsageError(f"start {float(self.start)} s is before the beginning")
        if self.end is not None and self.end <= (self.start or 0):
            raise UsageError(f"end {float(self.end)} s is not after start {float(self.start or 0)} s")


@dataclass
class Damage:
    """What of a film could not be read."""

    packets: int = 0
    """Compressed pictures that the decoder refused or whose picture came out broken."""
    truncated: str = ""
    """How the file ends before its end; empty where it does not."""

    def __bool__(self) -> bool:
        return bool(self.packets or self.truncated)

    def __str__(self) -> str:
        parts = [f"{self.packets} damaged packets were skipped"] if self.packets else []
        return "; ".join([*parts, self.truncated] if self.truncated else parts)


class VideoSource:
    """Reads the film track of ``name``; upright, progressive, RGB. See :class:`ReadOptions`.

    Opening decodes the first frame. Raises :class:`UsageError` for a name that cannot be an input and
    :class:`SourceError` for a file that is no video or has no frame.
    """

    def __init__(self, name: str | os.PathLike[str], options: ReadOptions | None = None, *, tap: PacketTap | None = None) -> None:
        self.name = str(name)
        self.options = options or ReadOptions()
        self.damage = Damage()
        self._converter = Converter()
        self._container: InputContainer | None = None
        self._info: StreamInfo | None = None
        self._packets_read = 0
        self._tap = tap
        self._reading = threading.Lock()
        """Held while libav works on the container: closing it under its feet would crash."""
        self._origin = Fraction(0)

    @property
    def info(self) -> StreamInfo:
        if self._info is None:
            raise RuntimeError("a source has its info inside its with block")
        return self._info

    @property
    def origin(self) -> Fraction:
        """The moment, in seconds, that an output should call zero: the cut, the start of a broadcast, or of a film that
        begins before zero, which most containers cannot hold."""
        return self._origin

    @property
    def notices(self) -> list[str]:
        """What a user should know of how the film was read."""
        notices: list[str] = []
        if self._converter.tone_mapped:
            notices.append("HDR was tone-mapped to SDR (BT.709)")
        if self._deinterlacer.used:
            notices.append("interlaced frames were deinterlaced (--no-deinterlace keeps them)")
        if self._origin < 0:
            notices.append(f"the film begins at {float(self._origin):g} s: all its tracks were moved to 0 together")
        return notices

    def __enter__(self) -> Self:
        container = self._container = open_container(
            self.name, format=self.options.format, max_pixels=self.options.max_pixels, timeout=self.options.timeout
        )
        try:
            self._open()
        except BaseException:
            container.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._container is None:
            return
        if not self._reading.acquire(timeout=CLOSE_SECONDS):
            logger.warning("%s still hangs in a read and is left to itself", self.name)
            return
        self._frames = iter(())
        self._container.close()
        self._container = None

    def __iter__(self) -> Iterator[Frame]:
        frame: Frame | None = self._first
        while frame is not None:
            yield frame
            with self._reading:
                frame = next(self._frames, None)

    @property
    def side_streams(self) -> list[Stream]:
        """The sound and subtitles beside the film, where a ``tap`` takes their packets."""
        assert self._container is not None
        return [stream for stream in self._container.streams if stream.type in ("audio", "subtitle")] if self._tap else []

    def _open(self) -> None:
        assert self._container is not None
        stream = self._stream = video_stream(self._container, self.name)
        check_pixels(stream.codec_context.width, stream.codec_context.height, self.options.max_pixels, self.name)
        live = is_live(self.name)
        stream.thread_type = "SLICE" if live else "AUTO"  # frame threads would add a frame of delay each
        stream.codec_context.thread_count = self.options.threads
        self._end_watch = EndWatch(self._container, stream)
        self._clock = Clock(stream, self._container.format.name)
        self._deinterlacer = Deinterlacer(stream, wanted=self.options.deinterlace)
        if goal := max(self.options.start or Fraction(0), self.options.after or Fraction(0)):
            self._seek(goal)
        self._cuts = CutDetector()
        self._size: Size | None = None
        self._frames = self._read()
        first = next(self._frames, None)
        if first is None:
            raise SourceError(
                f"{self.name} has no video frame{f' that can be read ({self.damage})' if self.damage else ''}{self._span()}"
            )
        self._first = first
        self._origin = self._find_origin(first)
        self._info = self._describe(first, live)

    def _find_origin(self, first: Frame) -> Fraction:
        if self.options.start is not None:
            return self.options.start
        assert self._container is not None
        start = min(Fraction(self._container.start_time or 0, 1_000_000), first.pts_seconds)
        return start if start < 0 or self._container.format.name in BROADCAST else Fraction(0)

    def _span(self) -> str:
        since = self.options.after if self.options.after is not None else self.options.start
        return "" if since is None else f" from {float(since):g} s on"

    def _describe(self, first: Frame, live: bool) -> StreamInfo:
        assert self._container is not None
        stream = self._stream
        rate = stream.average_rate or stream.guessed_rate or None
        aspect = Fraction(stream.sample_aspect_ratio or 1)
        if self._turned:
            aspect = 1 / aspect
        return StreamInfo(
            size=first.size,
            time_base=self._clock.time_base,
            rate=Fraction(rate) if rate else None,
            frames=self._expected(first, rate),
            live=live,
            start=first.pts_seconds,
            pixel_aspect=aspect,
            name=self.name,
            tags=dict(self._container.metadata),
        )

    def _expected(self, first: Frame, rate: Fraction | None) -> int | None:
        assert self._container is not None
        whole = self.options.start is None and self.options.end is None and self.options.after is None
        if whole and self._stream.frames:
            return self._stream.frames
        duration = Fraction(self._container.duration, 1_000_000) if self._container.duration else None
        start = Fraction(self._container.start_time or 0, 1_000_000)
        end = self.options.end if duration is None else min(start + duration, self.options.end or start + duration)
        return max(1, round((end - first.pts_seconds) * rate)) if end is not None and rate else None

    def _seek(self, start: Fraction) -> None:
        assert self._container is not None
        try:
            self._container.seek(int(start / self._clock.time_base), stream=self._stream, backward=True)
        except FFmpegError:
            logger.info("%s cannot seek: reading from the beginning", self.name)

    def _read(self) -> Iterator[Frame]:
        index = 0
        for frame in self._deinterlacer.filtered(self._timed()):
            pts = frame.pts
            assert pts is not None
            seconds = pts * self._clock.time_base
            if self.options.start is not None and seconds < self.options.start:
                continue
            if self.options.after is not None and seconds <= self.options.after:
                continue
            if self.options.end is not None and seconds >= self.options.end:
                return
            data = self._upright(frame)
            yield Frame(
                data=data,
                pts=pts,
                time_base=self._clock.time_base,
                index=index,
                duration=frame.duration or None,
                scene_cut=self._cuts.is_cut(data),
            )
            index += 1

    def _timed(self) -> Iterator[VideoFrame]:
        for frame in self._decoded():
            frame.pts = self._clock.time_of(frame)
            frame.time_base = self._clock.time_base
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
                    self._clock.lost(packet)
                if in_a_row > MAX_ERRORS_IN_A_ROW:
                    self.damage.truncated = "too much damage in a row: reading was given up"
                    return
                continue
            in_a_row = 0
            for frame in frames:
                check_pixels(frame.width, frame.height, self.options.max_pixels, self.name)
                if frame.is_corrupt:
                    self._harm("a picture came out broken")
                yield frame

    def _packets(self) -> Iterator[Packet[VideoStream] | None]:
        """The film's packets, then None to flush the decoder, whatever the file does."""
        assert self._container is not None
        packets = self._container.demux(self._stream, *self.side_streams)
        while True:
            try:
                packet = next(packets, None)
            except FFmpegError as error:
                self._cut_short(f"the input ends early: {reason(error)}")
                break
            if packet is not None and self._tap is not None and packet.stream is not self._stream:
                self._tap(packet)
                continue
            if packet is None or (packet.dts is None and packet.size == 0):
                break
            self._packets_read += 1
            if packet.is_corrupt:
                self._harm(f"packet {self._packets_read} is damaged")
            film_packet = cast("Packet[VideoStream]", packet)
            self._clock.saw(film_packet)
            self._end_watch.saw(film_packet)
            yield film_packet
        if not self.damage.truncated and (verdict := self._end_watch.verdict()):
            self._cut_short(verdict)
        yield None

    def _harm(self, what: str) -> None:
        if self.options.strict:
            raise SourceError(f"{self.name}: {what}")
        self.damage.packets += 1

    def _cut_short(self, what: str) -> None:
        if self.options.strict:
            raise SourceError(f"{self.name}: {what}")
        self.damage.truncated = what

    def _upright(self, frame: VideoFrame) -> Pixels:
        data = self._converter.to_rgb(frame)
        quarter_turns = round(frame.rotation / 90) % 4
        self._turned = quarter_turns % 2 == 1
        if quarter_turns:
            data = np.ascontiguousarray(np.rot90(data, quarter_turns))
        if self._size is None:
            self._size = data.shape[0], data.shape[1]
        # A broadcast may change its size in mid-stream; an output cannot.
        return resize(data, self._size)


def probe(name: str | os.PathLike[str], options: ReadOptions | None = None) -> StreamInfo:
    """What is known of a film without painting it; raises as :class:`VideoSource`."""
    with VideoSource(name, options) as source:
        return replace(source.info)
