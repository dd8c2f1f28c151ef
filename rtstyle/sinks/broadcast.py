"""Films as they happen: to a media server, over the network, or into a folder that browsers play (HLS)."""

from __future__ import annotations

import logging
import threading
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import av
from av.error import FFmpegError

from rtstyle.errors import SinkError, UsageError
from rtstyle.frame import Frame, StreamInfo
from rtstyle.sinks.copying import TrackCopier
from rtstyle.sinks.encoders import VideoOptions, plan
from rtstyle.sinks.encoding import FilmEncoder
from rtstyle.sources.opening import check_protocol, is_url, reason, scheme

if TYPE_CHECKING:
    from av.container import OutputContainer

    from rtstyle.sources.tracks import Tracks

logger = logging.getLogger(__name__)

FORMATS = {
    "rtmp": ("flv", "flv"),
    "rtmps": ("flv", "flv"),
    "udp": ("mpegts", "ts"),
    "tcp": ("mpegts", "ts"),
    "srt": ("mpegts", "ts"),
}
"""Per protocol libav's format and the container whose rules hold."""
CLOSE_SECONDS = 1.0
SEGMENT_SECONDS = 2
KEEP_SEGMENTS = 6
"""How far back viewers of a live playlist can go; a film keeps all its segments."""


def is_broadcast(output: str) -> bool:
    """Whether an output name is an address or a playlist."""
    return is_url(output) or output.lower().endswith(".m3u8")


class BroadcastSink:
    """Sends H.264 with a key frame every two seconds and no delay in the encoder.

    ``rtmp://``, ``udp://``, ``tcp://`` and ``srt://`` addresses, or ``FOLDER/NAME.m3u8``. Raises :class:`UsageError` for
    another protocol or codec and :class:`SinkError` where the other side does not answer or goes away.
    """

    name = "stream"
    main_thread = False

    def __init__(self, output: str, options: VideoOptions | None = None, *, timeout: float = 15.0) -> None:
        self.output = output
        self._timeout = timeout
        self._hls = not is_url(output)
        if not self._hls and scheme(output) not in FORMATS:
            legal = ", ".join(f"{protocol}://" for protocol in FORMATS)
            raise UsageError(f"cannot send to {scheme(output)}://; legal: {legal}, or a file NAME.m3u8")
        check_protocol(scheme(output))
        if self._hls and not Path(output).parent.is_dir():
            raise UsageError(f"the folder {Path(output).parent} of the playlist does not exist; make it first")
        self._format, self._container = ("hls", "m3u8") if self._hls else FORMATS[scheme(output)]
        options = options or VideoOptions()
        self._options = VideoOptions(
            codec=options.codec,
            crf=options.crf if options.crf is not None or options.bitrate else 23,
            preset=options.preset or ("veryfast" if options.hwaccel is None else None),
            pixel_format=options.pixel_format,
            bitrate=options.bitrate,
            hwaccel=options.hwaccel,
            threads=options.threads,
        )
        plan(self._options, self._container)
        self.frames = 0
        self.notices: list[str] = []
        self._tracks: Tracks | None = None
        self._shift = Fraction(0)
        self._open: OutputContainer | None = None
        self._encoder: FilmEncoder | None = None
        self._copier: TrackCopier | None = None
        self._writing = threading.Lock()
        """Held while libav works on the connection: closing it under its feet would crash."""

    def attach(self, tracks: Tracks | None, *, shift: Fraction = Fraction(0)) -> None:
        """Before the first frame: where sound comes from, and the seconds added to every time."""
        self._tracks, self._shift = tracks, Fraction(shift)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._open is None:
            return
        if not self._writing.acquire(timeout=CLOSE_SECONDS):
            logger.warning("%s still hangs in a write and is left to itself", self.output)
            return
        try:
            if self._encoder is not None:
                self._encoder.finish()
                if self._copier is not None and error is None:
                    self._copier.copy(None)
            self._open.close()
        except FFmpegError as failure:
            if error is None:
                raise SinkError(f"{self.output} was lost: {reason(failure)}") from failure
        finally:
            self._writing.release()

    def open(self, info: StreamInfo) -> None:
        self._info = info

    def write(self, frame: Frame) -> None:
        try:
            with self._writing:
                encoder = self._encoder or self._begin(frame)
                encoder.encode(frame)
                if self._copier is not None:
                    self._copier.copy(frame.pts_seconds)
        except FFmpegError as error:
            raise SinkError(f"cannot send to {self.output}: {reason(error)}") from error
        self.frames += 1

    def _begin(self, frame: Frame) -> FilmEncoder:
        choice = plan(self._options, self._container, frame.size)
        if choice.encoder == "libx264":
            choice.options["tune"] = "zerolatency"
        self._open = av.open(
            self.output, "w", format=self._format, container_options=self._muxer_options(), timeout=(self._timeout, self._timeout)
        )
        encoder = FilmEncoder(self._open, choice, self._info, frame, shift=self._shift)
        encoder.stream.codec_context.gop_size = max(1, round((self._info.rate or 25) * SEGMENT_SECONDS))
        if self._tracks is not None:
            self._copier = TrackCopier(self._open, self._tracks, container=self._container, shift=self._shift)
            self.notices += self._copier.notices
        self._encoder = encoder
        return encoder

    def _muxer_options(self) -> dict[str, str]:
        if self._hls:
            flags = "independent_segments+temp_file" + ("+delete_segments" if self._info.live else "")
            length = KEEP_SEGMENTS if self._info.live else 0
            return {"hls_time": str(SEGMENT_SECONDS), "hls_flags": flags, "hls_list_size": str(length)}
        return {"flvflags": "no_duration_filesize"} if self._format == "flv" else {"flush_packets": "1"}
