"""One film from end to end."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from rtstyle.config import RunConfig, fixed_size, target_size
from rtstyle.errors import RTStyleError, SourceError, UsageError
from rtstyle.frame import StreamInfo
from rtstyle.pipeline import run
from rtstyle.pipeline.painters import FramePainter, PlainPainter
from rtstyle.sinks.address import check_playlist, is_broadcast
from rtstyle.sinks.broadcast import BroadcastSink
from rtstyle.sinks.chapters import chapters_before
from rtstyle.sinks.encoders import EDIT_LISTS, VideoOptions
from rtstyle.sinks.pictures import PictureSink, is_pictures
from rtstyle.sinks.resuming import Ticket, fingerprint
from rtstyle.sinks.staging import partial_name
from rtstyle.sinks.video import VideoSink
from rtstyle.sources.opening import check_input, is_live, is_url
from rtstyle.sources.reading import Damage, ReadOptions
from rtstyle.sources.relay import RelaySource
from rtstyle.sources.tracks import FileTracks
from rtstyle.sources.video import VideoSource
from rtstyle.stats import RunStats
from rtstyle.stylizer import Stylizer
from rtstyle.video.compare import SideBySide
from rtstyle.video.originals import refuse_originals

FilmSink = VideoSink | PictureSink | BroadcastSink


@dataclass(frozen=True, kw_only=True)
class FilmOptions:
    """What is the same for every film of a run."""

    read: ReadOptions = field(default_factory=ReadOptions)
    write: VideoOptions = field(default_factory=VideoOptions)
    size: str | None = None
    """``WxH`` to paint and write at."""
    scale: float | None = None
    batch: int | None = None
    audio: bool = True
    overwrite: bool = False
    compare: bool = False
    """Write the picture before painting to the left of the painted one."""
    stabilize: bool = False
    """Steady the painted frames; see :mod:`rtstyle.stabilize`."""
    resume: bool = False
    """Go on with ``NAME.partial.EXT`` where there is one."""


@dataclass(kw_only=True)
class FilmReport:
    """What became of a film."""

    output: Path | str
    """Where it is, under its final or its partial name; the address it was sent to. Nothing is there without ``frames``."""
    frames: int
    """Frames in the output, those of an earlier run included."""
    stats: RunStats
    damage: Damage
    notices: list[str]
    interrupted: bool = False

    @property
    def complete(self) -> bool:
        """Whether everything of the input is in the output."""
        return not (self.interrupted or self.damage)

    @property
    def summary(self) -> str:
        """The last line of a run."""
        stats = self.stats
        slowest = f", slowest part: {stats.bottleneck}" if stats.bottleneck else ""
        dropped = f", {stats.dropped} dropped" if stats.dropped else ""
        return f"{self.output}: {self.frames} frames, {stats.fps:.1f} fps, {stats.seconds:.1f} s{slowest}{dropped}"


class FilmListener(Protocol):
    """Hears how far a film is."""

    def begin(self, info: StreamInfo) -> None: ...

    def step(self, frames: int, info: StreamInfo) -> None: ...


def open_sink(source: str, output: str, options: FilmOptions) -> FilmSink:
    """The sink that the output's name asks for, everything checked.

    Raises :class:`UsageError` for an output that is the input, exists, or cannot be written.
    """
    refuse_originals(source, output)
    if is_broadcast(output):
        check_playlist(output, overwrite=options.overwrite)
        return BroadcastSink(output, options.write)
    if is_pictures(output):
        return PictureSink(output, overwrite=options.overwrite)
    return VideoSink(Path(output), options.write, overwrite=options.overwrite)


def check_film(source: str) -> None:
    """Refuse, before any work, what is no film that can be read from the beginning again; raises :class:`UsageError`.

    Its times, edit lists and sound are read apart from its pictures.
    """
    check_input(source)
    if not is_url(source) and Path(source).is_fifo():
        raise UsageError(
            f"{source} is a pipe, and a film is read more than once: save it to a file, or paint it as it comes with "
            "rtstyle webcam --source"
        )


def check_paths(sources: Sequence[str], output: str, options: FilmOptions, *, preview: bool = False) -> None:
    """Refuse what cannot be before weights are loaded; raises :class:`UsageError`."""
    fixed_size(options.size, options.scale)
    single = len(sources) == 1 and not os.path.isdir(sources[0])
    if single:
        check_film(sources[0])
        if not preview:
            open_sink(sources[0], output, options)


def paint_film(
    source: str,
    output: str | Path,
    stylizer: Stylizer,
    options: FilmOptions | None = None,
    *,
    stop: threading.Event | None = None,
    listener: FilmListener | None = None,
) -> FilmReport:
    """Paint ``source`` into ``output``.

    ``stop`` ends the film after the frame in flight; what is there is kept as ``NAME.partial.EXT``. Raises
    :class:`UsageError` before any work for what cannot be, :class:`RTStyleError` where reading or writing fails.
    """
    return _Film(source, str(output), stylizer, options or FilmOptions(), stop or threading.Event(), listener).paint()


@dataclass
class _Film:
    source: str
    output: str
    stylizer: Stylizer
    options: FilmOptions
    stop: threading.Event
    listener: FilmListener | None
    ticket: Ticket | None = None
    limit: int | None = None
    """How many frames are read; None for all."""

    def paint(self) -> FilmReport:
        check_film(self.source)
        sink = open_sink(self.source, self.output, self.options)
        if self.options.resume and isinstance(sink, VideoSink):
            self._take_ticket(sink)
        with ExitStack() as stack:
            reader = self._open_reader(stack)
            self._attach(reader, sink, stack)
            try:
                with sink:
                    stats = self._run(reader, sink)
                    if self.stop.is_set() and isinstance(sink, VideoSink):
                        sink.interrupt()
            except RTStyleError as error:
                if isinstance(sink, VideoSink) and sink.partial is not None:
                    self._leave_ticket(sink)
                    kept = f"{sink.frames} frames are" if sink.last_seconds is not None else "what was written is"
                    error.args = (f"{error}; {kept} kept in {sink.partial}",)
                raise
        if isinstance(sink, VideoSink):
            self._leave_ticket(sink)
        output, frames = self._made(sink)
        return FilmReport(
            output=output,
            frames=frames,
            stats=stats,
            damage=reader.damage,
            notices=[*reader.notices, *sink.notices],
            interrupted=self.stop.is_set(),
        )

    def _made(self, sink: FilmSink) -> tuple[Path | str, int]:
        """Where the film is, and how much of it."""
        if isinstance(sink, VideoSink):
            if sink.partial is not None:
                return sink.partial, sink.frames
            if self.ticket is not None and not sink.committed:
                return partial_name(sink.path), self.ticket.frames
        return self.output if is_url(self.output) else Path(self.output), sink.frames

    def _open_reader(self, stack: ExitStack) -> VideoSource | RelaySource:
        read = self.options.read
        if is_live(self.source):
            return stack.enter_context(RelaySource(self.source, read, stop=self.stop, audio=self.options.audio))
        if self.ticket is None:
            return stack.enter_context(VideoSource(self.source, read))
        rest = VideoSource(self.source, replace(read, after=self.ticket.last))
        try:
            return stack.enter_context(rest)
        except SourceError:
            if rest.damage or read.strict:
                raise
        # Every frame was painted already, and only the end is to be written: the first frame tells the size.
        self.limit = 1
        return stack.enter_context(VideoSource(self.source, read))

    def _attach(self, reader: VideoSource | RelaySource, sink: FilmSink, stack: ExitStack) -> None:
        if isinstance(sink, PictureSink):
            return
        if isinstance(reader, RelaySource):
            sink.attach(reader.tracks, shift=-reader.origin)
            return
        read = self.options.read
        # Only mp4's edit lists can begin in the middle of a packet of sound; others would delay the picture instead.
        early = isinstance(sink, VideoSink) and sink.container in EDIT_LISTS
        tracks = FileTracks(self.source, start=read.start, end=read.end, audio=self.options.audio, early=early)
        stack.enter_context(tracks)
        tracks.chapters = chapters_before(read.end, tracks.chapters)
        sink.attach(tracks, shift=-reader.origin)

    def _run(self, reader: VideoSource | RelaySource, sink: FilmSink) -> RunStats:
        size = target_size(reader.info.size, wanted=self.options.size, scale=self.options.scale)
        if self.listener is not None:
            self.listener.begin(reader.info)
        painter = self._painter()
        return run(
            reader,
            self.stylizer,
            [sink],
            RunConfig(batch=self.options.batch, size=size, limit=self.limit),
            stop=self.stop,
            progress=self.listener.step if self.listener else None,
            painter=painter,
        )

    def _painter(self) -> FramePainter:
        painter: FramePainter = PlainPainter(self.stylizer)
        if self.options.stabilize:
            from rtstyle.stabilize import SteadyPainter  # brings OpenCV, without which films are painted otherwise

            painter = SteadyPainter(self.stylizer)
        return SideBySide(painter) if self.options.compare else painter

    def _settings(self) -> str:
        it = self.options
        read = replace(it.read, threads=0, timeout=0.0)
        look = self.stylizer.look
        painting = self.stylizer.bank.fingerprint(look.mix)
        settings = read, it.write, it.size, it.scale, it.audio, it.compare, it.stabilize
        return fingerprint(Path(self.source), look, painting, *settings)

    def _take_ticket(self, sink: VideoSink) -> None:
        if why := self._why_not_resumed(sink):
            raise UsageError(why)
        self.ticket = Ticket.load(sink.path, self._settings())
        if self.ticket is not None:
            sink.go_on_from(self.ticket)

    def _why_not_resumed(self, sink: VideoSink) -> str:
        """What keeps a film from being gone on with; empty where nothing does."""
        if sink.container == "gif":
            return "a GIF cannot be gone on with, its parts do not join; start again without --resume"
        if is_url(self.source) or not Path(self.source).is_file():
            return "--resume needs a file as input: a stream does not come again, numbered pictures may be others"
        return ""

    def _leave_ticket(self, sink: VideoSink) -> None:
        if sink.committed:
            Ticket.clear(sink.path)
        elif sink.partial is not None and sink.last_seconds is not None and not self._why_not_resumed(sink):
            Ticket(settings=self._settings(), frames=sink.frames, last_seconds=str(sink.last_seconds)).save(sink.path)
        elif sink.partial is not None:
            Ticket.path(sink.path).unlink(missing_ok=True)  # an earlier run's: its partial film is no more
