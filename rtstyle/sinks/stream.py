"""A live stream to an address: RTMP, RTSP, SRT, UDP or TCP."""

from __future__ import annotations

from fractions import Fraction
from types import TracebackType
from typing import TYPE_CHECKING, Self

import av
from av.error import FFmpegError
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter

from rtstyle.errors import SinkError, UsageError
from rtstyle.frame import Frame, StreamInfo
from rtstyle.sources.colour import ACCURATE
from rtstyle.sources.opening import is_url, scheme

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

FORMATS = {"rtmp": "flv", "rtmps": "flv", "rtsp": "rtsp", "srt": "mpegts", "udp": "mpegts", "tcp": "mpegts", "rtp": "rtp_mpegts"}
KEYFRAME_SECONDS = 2
CONNECT_SECONDS = 10.0
BT709 = 1


class StreamSink:
    """Sends H.264 without delay. Raises :class:`UsageError` for an address that cannot be streamed to."""

    main_thread = False
    live_queue = 4

    def __init__(self, address: str, *, bitrate: int = 4_000_000) -> None:
        """``bitrate``: bits per second at most."""
        if not is_url(address) or scheme(address) not in FORMATS:
            legal = ", ".join(f"{name}://" for name in FORMATS)
            raise UsageError(f"cannot stream to '{address}'; the address begins with one of {legal}")
        self.address = address
        self.name = f"stream to {scheme(address)}"
        self._bitrate = bitrate
        self._output: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._to_yuv = VideoReformatter()
        self._info: StreamInfo | None = None
        self._broken = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        output, self._output = self._output, None
        if output is None:
            return
        try:
            if self._stream is not None and not self._broken:
                output.mux(self._stream.encode(None))
            output.close()
        except FFmpegError:
            return  # the other end is gone: there is nothing left to finish

    def open(self, info: StreamInfo) -> None:
        self._info = info
        try:
            self._output = av.open(
                self.address, "w", format=FORMATS[scheme(self.address)], timeout=(CONNECT_SECONDS, CONNECT_SECONDS)
            )
        except (FFmpegError, ValueError) as error:
            raise SinkError(f"cannot stream to {self.address}: {getattr(error, 'strerror', None) or error}") from error

    def write(self, frame: Frame) -> None:
        if self._output is None:
            return
        try:
            stream = self._stream = self._stream or self._add_stream(self._output, frame)
            self._output.mux(stream.encode(self._picture(frame)))
        except FFmpegError as error:
            self._broken = True
            raise SinkError(f"the stream to {self.address} broke: {error.strerror or error}") from error

    def _add_stream(self, output: OutputContainer, frame: Frame) -> VideoStream:
        rate = (self._info.rate if self._info else None) or Fraction(30)
        options = {"preset": "superfast", "tune": "zerolatency", "g": str(round(KEYFRAME_SECONDS * rate))}
        options |= {"maxrate": str(self._bitrate), "bufsize": str(self._bitrate)}
        stream: VideoStream = output.add_stream("libx264", rate=rate, options=options)  # type: ignore[assignment]
        context = stream.codec_context
        height, width = _even(frame.size)
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base = stream.time_base = frame.time_base
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = ColorRange.MPEG
        return stream

    def _picture(self, frame: Frame) -> av.VideoFrame:
        height, width = _even(frame.size)
        rgb = av.VideoFrame.from_ndarray(frame.data[:height, :width].copy(), format="rgb24")
        picture = self._to_yuv.reformat(
            rgb,
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            interpolation=ACCURATE,
            threads=1,
        )
        picture.color_primaries, picture.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        picture.pts, picture.time_base = frame.pts, frame.time_base
        return picture


def _even(size: tuple[int, int]) -> tuple[int, int]:
    """Receivers of streams take 4:2:0 only: an odd last row or column is left out."""
    return size[0] // 2 * 2, size[1] // 2 * 2
