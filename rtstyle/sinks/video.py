"""Films: painted frames encoded with their own times, beside the untouched tracks of the input."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import av
from av.error import FFmpegError
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter

from rtstyle.errors import SinkError
from rtstyle.frame import Frame, StreamInfo
from rtstyle.sinks.copying import TrackCopier
from rtstyle.sinks.encoders import EncoderPlan, VideoOptions, container_of, plan
from rtstyle.sinks.staging import StagedFile, check_output
from rtstyle.sources.colour import ACCURATE

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from rtstyle.sources.tracks import Tracks

EDIT_LISTS = ("mp4", "m4v", "mov")
"""Containers that say at which moment of a track the film begins."""
BT709 = 1
"""The number of BT.709 as matrix, primaries and transfer curve alike (ISO/IEC 23091-2)."""


class VideoSink:
    """Writes ``path``; see :class:`VideoOptions`.

    The file has another name until it is whole. Leaving the block with an error keeps the frames that were written as
    ``NAME.partial.EXT`` (``partial``). Raises :class:`UsageError` for an impossible choice, :class:`SinkError` where
    writing fails.
    """

    name = "video"
    main_thread = False

    def __init__(
        self,
        path: Path,
        options: VideoOptions | None = None,
        *,
        overwrite: bool = False,
    ) -> None:
        self.path = path
        self.options = options or VideoOptions()
        self.container = container_of(path)
        self._plan: EncoderPlan = plan(self.options, self.container)
        check_output(path, overwrite=overwrite)
        self.frames = 0
        self.notices: list[str] = []
        self.partial: Path | None = None
        """Where an unfinished film was kept."""
        self._tracks: Tracks | None = None
        self._shift = Fraction(0)
        self._staged: StagedFile | None = None
        self._output: OutputContainer | None = None
        self._copier: TrackCopier | None = None
        self._info: StreamInfo | None = None
        self._interrupted = False
        self._durations: dict[int, int] = {}
        self._to_yuv = VideoReformatter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._output is None or self._staged is None:
            return
        whole = error is None and not self._interrupted
        try:
            self._finish(whole=whole)
        except (SinkError, OSError, FFmpegError):
            self._staged.discard()
            if error is None:
                raise
            return
        if whole:
            self._staged.commit()
        else:
            self.partial = self._staged.keep_partial()

    def attach(self, tracks: Tracks | None, *, shift: Fraction = Fraction(0)) -> None:
        """Before the first frame: ``tracks`` (entered) brings sound, subtitles, chapters and tags; ``shift`` seconds are
        added to every time."""
        self._tracks = tracks
        self._shift = Fraction(shift)

    def interrupt(self) -> None:
        """The film will not be finished: leaving the block keeps it as partial."""
        self._interrupted = True

    def open(self, info: StreamInfo) -> None:
        self._info = info

    def write(self, frame: Frame) -> None:
        try:
            if self._output is None:
                self._begin(frame)
            self._encode(frame)
        except FFmpegError as error:
            raise SinkError(f"cannot write {self.path}: {error.strerror or error}") from error

    def _begin(self, frame: Frame) -> None:
        """The first frame tells the size; the pictures may be wider than the source's."""
        assert self._info is not None
        self._plan = plan(self.options, self.container, frame.size)
        if self._plan.pixel_format != plan(self.options, self.container).pixel_format:
            height, width = frame.size
            kept = f"written as {self._plan.pixel_format}, which keeps the size (--size changes it)"
            self.notices.append(f"{width}x{height} has an odd side: {kept}")
        self._staged = StagedFile(self.path)
        self._output = av.open(str(self._staged.temporary), "w", container_options=self._container_options(frame.time_base))
        self._stream = self._add_stream(self._output, frame)
        if self._tracks is not None:
            self._copier = TrackCopier(self._output, self._tracks, container=self.container, shift=self._shift)
            self.notices += self._copier.notices

    def _container_options(self, time_base: Fraction) -> dict[str, str]:
        if self.container not in EDIT_LISTS:
            return {}
        # Edit lists carry the start offset in units of the movie's timescale: its default, 1/1000 s, would round it.
        return {"movflags": "+faststart", "movie_timescale": str(_timescale(time_base))}

    def _add_stream(self, output: OutputContainer, frame: Frame) -> VideoStream:
        assert self._info is not None
        height, width = frame.size
        it = self._plan
        stream: VideoStream = output.add_stream(it.encoder, rate=self._info.rate or 25, options=it.options)  # type: ignore[assignment]
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = width, height, it.pixel_format
        context.time_base = stream.time_base = frame.time_base
        context.thread_count = it.threads
        if it.bitrate:
            context.bit_rate = it.bitrate
        if it.tag:
            context.codec_tag = it.tag
        if self._info.pixel_aspect != 1:
            context.sample_aspect_ratio = self._info.pixel_aspect
        if self._is_yuv:
            context.colorspace = context.color_primaries = context.color_trc = BT709
            context.color_range = ColorRange.MPEG
        return stream

    @property
    def _is_yuv(self) -> bool:
        return self._plan.pixel_format.startswith(("yuv", "nv", "p0", "p2"))

    def _encode(self, frame: Frame) -> None:
        assert self._output is not None
        picture = self._picture(frame)
        picture.time_base = frame.time_base
        picture.pts = frame.pts + round(self._shift / frame.time_base)
        if frame.duration:
            picture.duration = self._durations[picture.pts] = frame.duration
        self._mux(self._stream.encode(picture))
        self.frames += 1
        if self._copier is not None:
            self._copier.copy(frame.pts_seconds)

    def _picture(self, frame: Frame) -> VideoFrame:
        rgb = av.VideoFrame.from_ndarray(frame.data, format="rgb24")
        if not self._is_yuv:
            return self._to_yuv.reformat(rgb, format=self._plan.pixel_format, threads=1)
        picture = self._to_yuv.reformat(
            rgb,
            format=self._plan.pixel_format,
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            interpolation=ACCURATE,
            threads=1,
        )
        picture.color_primaries, picture.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        return picture

    def _mux(self, packets: list[Packet]) -> None:
        assert self._output is not None
        for packet in packets:
            # Encoders with a delay forget how long a frame lasts; the last one's length is the end of the film.
            if packet.pts is not None and (duration := self._durations.pop(packet.pts, None)):
                packet.duration = duration
            self._output.mux_one(packet)

    def _finish(self, *, whole: bool) -> None:
        assert self._output is not None
        try:
            self._mux(self._stream.encode(None))
            if self._copier is not None and whole:
                self._copier.copy(None)
            self._output.close()
        except FFmpegError as error:
            raise SinkError(f"cannot finish {self.path}: {error.strerror or error}") from error


def _timescale(time_base: Fraction) -> int:
    """Ticks per second for an mp4's header: a multiple of the film's own, at least the usual 1000."""
    scale = time_base.denominator
    while scale < 1000:
        scale *= 2
    return scale
