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

from rtstyle.errors import SourceError
from rtstyle.frame import Frame, StreamInfo
from rtstyle.pixels import Pixels, Size, resize
from rtstyle.sources.colour import Converter
from rtstyle.sources.continuity import BROADCAST, zero_of
from rtstyle.sources.cuts import CutDetector
from rtstyle.sources.decoding import Decoder, PacketTap
from rtstyle.sources.deinterlace import Deinterlacer
from rtstyle.sources.editlists import hidden_at_end
from rtstyle.sources.opening import check_input, check_pixels, is_live, open_carrier, open_container, video_stream
from rtstyle.sources.reading import Damage, ReadOptions
from rtstyle.sources.upright import Orientation

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.frame import VideoFrame

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
        self._converter = Converter()
        self._container: InputContainer | None = None
        self._info: StreamInfo | None = None
        self._carrier: CarrierReader | None = None
        self._tap = tap
        self._reading = threading.Lock()
        """Held while libav works on the container: closing it under its feet would crash."""
        self._origin = self._zero = Fraction(0)

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
    def first_seconds(self) -> Fraction:
        """The first frame's time, as all frames have it."""
        return self._first.pts_seconds

    @property
    def notices(self) -> list[str]:
        """What a user should know of how the film was read."""
        notices: list[str] = []
        if self._converter.tone_mapped:
            notices.append("HDR was tone-mapped to SDR (BT.709)")
        if self._deinterlacer.used:
            notices.append("interlaced frames were deinterlaced (--no-deinterlace keeps them)")
        if self.options.end is None and self._hidden > (self._stream.average_rate or 25):
            notices.append(f"an edit list ends the film early, as players do: {self._hidden} pictures behind that are left out")
        if self._origin < 0:
            notices.append(f"the film begins at {float(self._origin):g} s: all its tracks were moved to 0 together")
        return notices

    def __enter__(self) -> Self:
        it = self.options
        check_input(self.name)
        self._carrier = open_carrier(self.name, it.timeout)
        try:
            self._container = open_container(
                self.name, format=it.format, max_pixels=it.max_pixels, timeout=it.timeout, carrier=self._carrier
            )
            self._open()
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
        self._frames = iter(())
        self._container.close()
        self._container = None

    def cancel(self) -> None:
        """Let an opening that waits for the other side fail at once, where a process of ours waits (``srt://``)."""
        if self._carrier is not None:
            self._carrier.close()

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
        self._hidden = hidden_at_end(stream)
        live = is_live(self.name)
        stream.codec_context.thread_count = self.options.threads
        self._decoder = Decoder(
            self._container,
            stream,
            self.options,
            name=self.name,
            damage=self.damage,
            side_streams=self.side_streams,
            tap=self._tap,
        )
        self._clock = self._decoder.clock
        # Frame threads would add a frame of delay each, and hide which packet gave no frame.
        stream.thread_type = "SLICE" if live or self._clock.by_order else "AUTO"
        self._deinterlacer = Deinterlacer(stream, wanted=self.options.deinterlace)
        self._zero = zero_of(self._container)
        it = self.options
        self._start = None if it.start is None else self._zero + it.start
        self._end = None if it.end is None else self._zero + it.end
        # The clock of a broadcast may have jumped: only who reads on from the same place finds the times of an earlier run.
        after = None if self._container.format.name in BROADCAST else it.after
        if goal := max(filter(None, (self._start, after)), default=None):
            self._decoder.seek(goal)
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
        if self._start is not None:
            return self._start
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
        if self._orientation.transposed:
            aspect = 1 / aspect
        return StreamInfo(
            size=first.size,
            time_base=self._clock.time_base,
            rate=Fraction(rate) if rate else None,
            frames=self._expected(first, rate),
            live=live,
            start=first.pts_seconds - self._zero,
            pixel_aspect=aspect,
            name=self.name,
            tags=dict(self._container.metadata),
        )

    def _expected(self, first: Frame, rate: Fraction | None) -> int | None:
        assert self._container is not None
        whole = self.options.start is None and self.options.end is None and self.options.after is None
        if whole and self._stream.frames:
            # Of a film in fragments the header counts only those of the first.
            return max(self._stream.frames, round((self._stream.duration or 0) * self._clock.time_base * (rate or 0)))
        duration = Fraction(self._container.duration, 1_000_000) if self._container.duration else None
        start = Fraction(self._container.start_time or 0, 1_000_000)
        end = self._end if duration is None else min(start + duration, self._end or start + duration)
        return max(1, round((end - first.pts_seconds) * rate)) if end is not None and rate else None

    def _read(self) -> Iterator[Frame]:
        index = 0
        for frame in self._deinterlacer.filtered(self._decoder.timed()):
            pts = frame.pts
            assert pts is not None
            seconds = pts * self._clock.time_base
            if self._start is not None and seconds < self._start:
                continue
            if self.options.after is not None and seconds <= self.options.after:
                continue
            if self._end is not None and seconds >= self._end:
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

    def _upright(self, frame: VideoFrame) -> Pixels:
        self._orientation = Orientation.of(frame)
        data = self._orientation.apply(self._converter.to_rgb(frame))
        if self._size is None:
            self._size = data.shape[0], data.shape[1]
        # A broadcast may change its size in mid-stream; an output cannot.
        return resize(data, self._size)


def probe(name: str | os.PathLike[str], options: ReadOptions | None = None) -> StreamInfo:
    """What is known of a film without painting it; raises as :class:`VideoSource`."""
    with VideoSource(name, options) as source:
        return replace(source.info)
