"""Films: painted frames encoded with their own times, beside the untouched tracks of the input."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import av
from av.error import FFmpegError

from rtstyle.errors import SinkError
from rtstyle.frame import Frame, StreamInfo
from rtstyle.sinks.copying import TrackCopier
from rtstyle.sinks.encoders import EDIT_LISTS, EncoderPlan, VideoOptions, container_of, plan
from rtstyle.sinks.encoding import FilmEncoder
from rtstyle.sinks.resuming import Ticket, encoded_packets
from rtstyle.sinks.roomy import RoomyFile
from rtstyle.sinks.staging import StagedFile, check_output, partial_name

if TYPE_CHECKING:
    from av.container import OutputContainer

    from rtstyle.sources.tracks import Tracks


MUXERS = {"m4v": "mp4"}
"""Where libav's choice by the name holds less than what is promised: its own muxer for .m4v takes H.264 and AAC alone."""
PLAYABLE_WITHOUT_END = ("mkv", "webm", "ts", "flv")
END_BYTES = 1 << 20
INDEX_BYTES = 64
"""What an mp4's index takes for a frame and the sound beside it."""
ENCODER_FRAMES = 100
"""How many frames an encoder may hold back until its end."""
CLUSTER_BYTES = 1 << 18
INTERLEAVE_MICROSECONDS = 1_000_000
MOST_INSIDE_BYTES = 64 << 20


class VideoSink:
    """Writes ``path``; see :class:`VideoOptions`.

    The file has another name until it is whole. Leaving the block with an error keeps the frames that were written as
    ``NAME.partial.EXT`` (``partial``). Raises :class:`UsageError` for an impossible choice, :class:`SinkError` where
    writing fails.
    """

    name = "video"
    main_thread = False

    def __init__(self, path: str | Path, options: VideoOptions | None = None, *, overwrite: bool = False) -> None:
        self.path = path = Path(path)
        self.options = options or VideoOptions()
        self.container = container_of(path)
        self._plan: EncoderPlan = plan(self.options, self.container)
        check_output(path, overwrite=overwrite)
        self.frames = 0
        """Frames written, those of an earlier run that was gone on with included."""
        self.last_seconds: Fraction | None = None
        """When the last of them is shown, in the input's time; None where what was kept is not exactly ``frames``."""
        self.notices: list[str] = []
        self.partial: Path | None = None
        """Where an unfinished film was kept."""
        self.committed = False
        """Whether the whole film is there under its name."""
        self._too_soon = 0
        """Frames that a GIF has no time for."""
        self._end = Fraction(0)
        """When the last frame is no longer shown, in the input's time."""
        self._tracks: Tracks | None = None
        self._shift = Fraction(0)
        self._earlier: Ticket | None = None
        self._staged: StagedFile | None = None
        self._file: RoomyFile | None = None
        self._output: OutputContainer | None = None
        self._encoder: FilmEncoder | None = None
        self._copier: TrackCopier | None = None
        self._info: StreamInfo | None = None
        self._interrupted = False
        self._ended = False
        """Whether the container has its end, without which an mp4 does not play."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._staged is None or self._file is None:
            return
        if self._encoder is None:  # it was never started, and closing an empty container would write one
            self._file.close()
            self._staged.discard()
            return
        whole = error is None and not self._interrupted
        try:
            self._finish(whole=whole)
        except (SinkError, OSError):
            self._salvage()
            if error is None:
                raise
            return
        try:
            if whole:
                self._staged.commit()
                self.committed = True
            else:
                self.partial = self._staged.keep_partial()
        except SinkError:
            if error is None:
                raise

    def _salvage(self) -> None:
        """Not everything could be written: keep what plays."""
        assert self._staged is not None
        if (self._ended or self.container in PLAYABLE_WITHOUT_END) and self._staged.temporary.exists():
            self.partial = self._staged.keep_partial()
        else:
            self._staged.discard()

    def attach(self, tracks: Tracks | None, *, shift: Fraction = Fraction(0)) -> None:
        """Before the first frame: ``tracks`` (entered) brings sound, subtitles, chapters and tags; ``shift`` seconds are
        added to every time."""
        self._tracks = tracks
        self._shift = Fraction(shift)

    def go_on_from(self, ticket: Ticket) -> None:
        """Before the first frame: begin with the partial film of an earlier run; frames that it has already are not written."""
        self._earlier = ticket

    def interrupt(self) -> None:
        """The film will not be finished: leaving the block keeps it as partial."""
        self._interrupted = True

    def open(self, info: StreamInfo) -> None:
        self._info = info

    def write(self, frame: Frame) -> None:
        try:
            encoder = self._encoder or self._begin(frame)
            if self._earlier is None or frame.pts_seconds > self._earlier.last:
                if encoder.encode(frame):
                    self.frames += 1
                else:
                    self._too_soon += 1
                self.last_seconds = frame.pts_seconds
                self._end = frame.pts_seconds + (frame.duration or 0) * frame.time_base
            if self._copier is not None:
                self._copier.copy(frame.pts_seconds)
        except (FFmpegError, OSError, ValueError) as error:
            raise SinkError(f"cannot write {self.path}: {_said(error)}") from error
        assert self._file is not None
        if self._file.full:
            raise SinkError(f"the disk is full: {self.path} could not be finished")
        inside = min(MOST_INSIDE_BYTES, ENCODER_FRAMES * self._file.bytes // self.frames)
        self._file.reserve(END_BYTES + self.frames * INDEX_BYTES + inside)

    def _begin(self, frame: Frame) -> FilmEncoder:
        """The first frame tells the size; the pictures may be wider than the source's."""
        assert self._info is not None
        usual = self._plan.pixel_format
        self._plan = plan(self.options, self.container, frame.size)
        if self._plan.pixel_format != usual:
            height, width = frame.size
            kept = f"written as {self._plan.pixel_format}, which keeps the size (--size changes it)"
            self.notices.append(f"{width}x{height} has an odd side: {kept}")
        self._staged = StagedFile(self.path)
        self._file = RoomyFile(self._staged.temporary)
        self._file.reserve(END_BYTES)
        options = self._container_options(frame.time_base)
        self._output = av.open(self._file, "w", format=MUXERS.get(self.container), container_options=options)
        encoder = FilmEncoder(self._output, self._plan, self._info, frame, shift=self._shift)
        if self._tracks is not None:
            self._copier = TrackCopier(self._output, self._tracks, container=self.container, shift=self._shift)
        # Here, while nothing is kept yet: what libav refuses to begin must not replace the partial film of an earlier run.
        self._output.start_encoding()
        if self._earlier is not None:
            self._copy_earlier(encoder, self._earlier)
        self._encoder = encoder
        return encoder

    def _copy_earlier(self, encoder: FilmEncoder, ticket: Ticket) -> None:
        for packet in encoded_packets(partial_name(self.path), ticket.last + self._shift):
            moment = None if packet.pts is None else packet.pts * Fraction(packet.time_base) - self._shift
            encoder.copy(packet)
            if self._copier is not None and moment is not None:
                self._copier.copy(moment)
        self.frames, self.last_seconds, self._end = ticket.frames, ticket.last, ticket.last

    def _container_options(self, time_base: Fraction) -> dict[str, str]:
        # What waits in memory is lost, or does not fit, when the disk is full: a track that ended early is not waited for.
        options = {"max_interleave_delta": str(INTERLEAVE_MICROSECONDS)}
        if self.container in ("mkv", "webm"):
            options["cluster_size_limit"] = str(CLUSTER_BYTES)
        if self.container not in EDIT_LISTS:
            return options
        # Edit lists carry the start offset in units of the movie's timescale: its default, 1/1000 s, would round it.
        return options | {"movflags": "+faststart", "movie_timescale": str(_timescale(time_base))}

    def _finish(self, *, whole: bool) -> None:
        assert self._output is not None
        assert self._encoder is not None
        assert self._file is not None
        exact = False
        try:
            try:
                self._encoder.finish()
                exact = True
                if self._too_soon:
                    self.notices.append(f"a GIF counts in 1/100 s: {self._too_soon} frames that follow sooner are left out")
                if self._copier is not None and whole:
                    self._copier.copy(None)
            finally:
                if self._copier is not None:
                    self._copier.write_chapters(None if whole else self._end)
                    self.notices += self._copier.notices
                self._output.close()
                self._ended = True
        except (FFmpegError, OSError, ValueError) as error:
            raise SinkError(f"cannot finish {self.path}: {_said(error)}") from error
        finally:
            self._file.close()
            if not (exact and self._ended):
                self.last_seconds = None


def _said(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _timescale(time_base: Fraction) -> int:
    """Ticks per second for an mp4's header: a multiple of the film's own, at least the usual 1000."""
    scale = time_base.denominator
    while scale < 1000:
        scale *= 2
    return scale
