"""Films and cameras as they happen: to a media server, over the network, or into a folder that browsers play (HLS)."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from fractions import Fraction
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from av.error import FFmpegError
from av.video.frame import PictureType

from rtstyle.errors import SinkError
from rtstyle.frame import Frame, StreamInfo
from rtstyle.sinks.address import SEGMENT_SECONDS, Connection, formats_of
from rtstyle.sinks.copying import TrackCopier
from rtstyle.sinks.encoders import EncoderPlan, VideoOptions, plan
from rtstyle.sinks.encoding import FilmEncoder
from rtstyle.sources.opening import is_url, reason, scheme

if TYPE_CHECKING:
    from rtstyle.sources.tracks import Tracks

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 1.0
SOFTWARE = "libx264"
"""Begins a picture group wherever it is told to, which encoders on the hardware do not."""
QUALITY = 23
MAX_BITRATE = 6_000_000
"""Bits per second that media servers take; a quality alone would go over them in a busy scene."""


class BroadcastSink:
    """Sends H.264 with a key frame every two seconds and no delay in the encoder.

    To an address (see :data:`rtstyle.sinks.address.FORMATS`) or ``FOLDER/NAME.m3u8``. Raises :class:`UsageError` for another
    protocol or codec and :class:`SinkError` where the other side does not answer or goes away.
    """

    main_thread = False
    live_queue = 4

    def __init__(self, output: str, options: VideoOptions | None = None, *, timeout: float = 15.0) -> None:
        self.output = output
        self.name = f"stream to {scheme(output) if is_url(output) else 'a playlist'}"
        self.frames = 0
        self.notices: list[str] = []
        self._timeout = timeout
        _, self._container = formats_of(output)
        options = options or VideoOptions()
        self._options = replace(
            options,
            crf=options.crf if options.crf is not None or options.bitrate else QUALITY,
            preset=options.preset or ("veryfast" if options.hwaccel is None else None),
        )
        plan(self._options, self._container)
        self._tracks: Tracks | None = None
        self._shift = Fraction(0)
        self._info: StreamInfo | None = None
        self._connection: Connection | None = None
        self._encoder: FilmEncoder | None = None
        self._copier: TrackCopier | None = None
        self._even: tuple[int, int] | None = None
        self._key_at: Fraction | None = None
        """From which moment on the next key frame is due; None where the encoder counts frames."""
        self._broken = False
        self._writing = threading.Lock()
        """Held while libav works on the connection: closing it under its feet would crash."""

    def attach(self, tracks: Tracks | None, *, shift: Fraction = Fraction(0)) -> None:
        """Before the first frame: where sound comes from, and the seconds added to every time."""
        self._tracks, self._shift = tracks, Fraction(shift)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if error is not None or self._broken:
            connection.cut()  # a write that hangs comes back
        if not self._writing.acquire(timeout=CLOSE_SECONDS):
            logger.warning("%s still hangs in a write and is left to itself", self.output)
            return
        try:
            if self._encoder is not None and not self._broken:
                self._encoder.finish()
                if self._copier is not None and error is None:
                    self._copier.copy(None)
            connection.close()
        except SinkError:
            if error is None and not self._broken:
                raise
        except FFmpegError as failure:
            if error is None and not self._broken:
                raise SinkError(f"{self.output} was lost: {reason(failure)}") from failure
        finally:
            self._writing.release()

    def open(self, info: StreamInfo) -> None:
        self._info = info
        self._connection = Connection(self.output, live=info.live, timeout=self._timeout)

    def write(self, frame: Frame) -> None:
        try:
            with self._writing:
                encoder = self._encoder or self._begin(frame)
                self._encode(encoder, self._fitted(frame))
                if self._copier is not None:
                    self._copier.copy(frame.pts_seconds)
        except FFmpegError as error:
            self._broken = True
            raise SinkError(f"cannot send to {self.output}: {reason(error)}") from error
        except SinkError:
            self._broken = True
            raise
        self.frames += 1

    def _encode(self, encoder: FilmEncoder, frame: Frame) -> None:
        """Key frames by the clock: counted in frames they would be far apart where fewer are painted than the source has."""
        picture = encoder.picture(frame)
        if self._key_at is not None and frame.pts_seconds >= self._key_at:
            picture.pict_type = PictureType.I
            self._key_at = frame.pts_seconds + SEGMENT_SECONDS
        encoder.encode_picture(frame, picture)

    def _begin(self, frame: Frame) -> FilmEncoder:
        assert self._info is not None
        assert self._connection is not None
        choice = plan(self._options, self._container, self._size_of(frame))
        encoder = FilmEncoder(
            self._connection.container, _without_delay(choice, self._info), self._info, self._fitted(frame), shift=self._shift
        )
        if self._tracks is not None:
            self._copier = TrackCopier(self._connection.container, self._tracks, container=self._container, shift=self._shift)
            self.notices += self._copier.notices
        if choice.encoder == SOFTWARE:
            self._key_at = frame.pts_seconds
        self._encoder = encoder
        return encoder

    def _size_of(self, frame: Frame) -> tuple[int, int]:
        """Receivers of streams take halved chroma only: an odd last row or column is left out, unless asked for."""
        height, width = frame.size
        if self._options.pixel_format is not None or not (height % 2 or width % 2):
            return frame.size
        if self._even is None:
            self.notices.append(f"{width}x{height} has an odd side: the last line is left out, since streams take even ones")
        self._even = height // 2 * 2, width // 2 * 2
        return self._even

    def _fitted(self, frame: Frame) -> Frame:
        if self._even is None:
            return frame
        height, width = self._even
        return frame.with_data(np.ascontiguousarray(frame.data[:height, :width]))


def _without_delay(choice: EncoderPlan, info: StreamInfo) -> EncoderPlan:
    frames = max(1, round((info.rate or 25) * SEGMENT_SECONDS))
    options = {**choice.options, "g": str(frames)}
    if choice.encoder == SOFTWARE:
        # Twice as many: a key frame that is counted would come right before the one that is due by the clock.
        options |= {"tune": "zerolatency", "g": str(2 * frames)}
    if choice.bitrate is None:
        options |= {"maxrate": str(MAX_BITRATE), "bufsize": str(MAX_BITRATE)}
    return replace(choice, options=options)
