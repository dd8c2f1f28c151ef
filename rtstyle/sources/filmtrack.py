"""The picture track of a film that is open: upright, progressive RGB frames, each with its own time."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from rtstyle.errors import SourceError
from rtstyle.frame import Frame, StreamInfo
from rtstyle.pixels import Pixels, Size, resize
from rtstyle.sources.colour import Converter
from rtstyle.sources.continuity import BROADCAST, zero_of
from rtstyle.sources.cuts import CutDetector
from rtstyle.sources.decoding import Decoder, PacketTap
from rtstyle.sources.deinterlace import Deinterlacer
from rtstyle.sources.editlists import hidden_at_end
from rtstyle.sources.opening import check_pixels, is_live, video_stream
from rtstyle.sources.reading import Damage, ReadOptions
from rtstyle.sources.upright import Orientation

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.frame import VideoFrame


class FilmTrack:
    """Decodes the first frame when it is made, and the others as ``frames`` is read.

    Raises :class:`SourceError` where there is no video or no frame, :class:`UsageError` for too many pixels.
    """

    def __init__(
        self, container: InputContainer, name: str, options: ReadOptions, damage: Damage, *, tap: PacketTap | None = None
    ) -> None:
        self.name = name
        self.options = options
        self._container = container
        self._stream = stream = video_stream(container, name)
        check_pixels(stream.codec_context.width, stream.codec_context.height, options.max_pixels, name)
        self._hidden = hidden_at_end(stream)
        live = is_live(name)
        stream.codec_context.thread_count = options.threads
        self.side_streams: list[Stream] = [it for it in container.streams if it.type in ("audio", "subtitle")] if tap else []
        """The sound and subtitles beside the film, where a ``tap`` takes their packets."""
        decoder = Decoder(container, stream, options, name=name, damage=damage, side_streams=self.side_streams, tap=tap)
        self._clock = decoder.clock
        # Frame threads would add a frame of delay each, and hide which packet gave no frame.
        stream.thread_type = "SLICE" if live or self._clock.by_order else "AUTO"
        self._deinterlacer = Deinterlacer(stream, wanted=options.deinterlace)
        self._converter = Converter()
        self._cuts = CutDetector()
        self._orientation = Orientation()
        self._size: Size | None = None
        self._zero = zero_of(container)
        self._start = None if options.start is None else self._zero + options.start
        self._end = None if options.end is None else self._zero + options.end
        # The clock of a broadcast may have jumped: only who reads on from the same place finds the times of an earlier run.
        after = None if container.format.name in BROADCAST else options.after
        if goal := max(filter(None, (self._start, after)), default=None):
            decoder.seek(goal)
        self.frames = self._read(decoder)
        """The frames that are still to come."""
        first = next(self.frames, None)
        if first is None:
            raise SourceError(f"{name} has no video frame{f' that can be read ({damage})' if damage else ''}{self._span()}")
        self.first = first
        self.origin = self._find_origin()
        """See :attr:`rtstyle.sources.video.VideoSource.origin`."""
        self.info = self._describe(live)

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
        if self.origin < 0:
            notices.append(f"the film begins at {float(self.origin):g} s: all its tracks were moved to 0 together")
        return notices

    def _find_origin(self) -> Fraction:
        if self._start is not None:
            return self._start
        start = min(Fraction(self._container.start_time or 0, 1_000_000), self.first.pts_seconds)
        return start if start < 0 or self._container.format.name in BROADCAST else Fraction(0)

    def _span(self) -> str:
        since = self.options.after if self.options.after is not None else self.options.start
        return "" if since is None else f" from {float(since):g} s on"

    def _describe(self, live: bool) -> StreamInfo:
        stream = self._stream
        rate = stream.average_rate or stream.guessed_rate or None
        aspect = Fraction(stream.sample_aspect_ratio or 1)
        if self._orientation.transposed:
            aspect = 1 / aspect
        return StreamInfo(
            size=self.first.size,
            time_base=self._clock.time_base,
            rate=Fraction(rate) if rate else None,
            frames=self._expected(rate),
            live=live,
            start=self.first.pts_seconds - self._zero,
            pixel_aspect=aspect,
            name=self.name,
            tags=dict(self._container.metadata),
        )

    def _expected(self, rate: Fraction | None) -> int | None:
        whole = self.options.start is None and self.options.end is None and self.options.after is None
        if whole and self._stream.frames:
            # Of a film in fragments the header counts only those of the first.
            return max(self._stream.frames, round((self._stream.duration or 0) * self._clock.time_base * (rate or 0)))
        duration = Fraction(self._container.duration, 1_000_000) if self._container.duration else None
        start = Fraction(self._container.start_time or 0, 1_000_000)
        end = self._end if duration is None else min(start + duration, self._end or start + duration)
        return max(1, round((end - self.first.pts_seconds) * rate)) if end is not None and rate else None

    def _read(self, decoder: Decoder) -> Iterator[Frame]:
        index = 0
        for frame in self._deinterlacer.filtered(decoder.timed()):
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
