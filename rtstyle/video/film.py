"""One film from end to end."""

from __future__ import annotations

import logging
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from rtstyle.config import RunConfig, target_size
from rtstyle.errors import RTStyleError, UsageError
from rtstyle.frame import StreamInfo
from rtstyle.pipeline import ProgressListener, run
from rtstyle.sinks.encoders import VideoOptions
from rtstyle.sinks.video import EDIT_LISTS, VideoSink
from rtstyle.sources.opening import is_url
from rtstyle.sources.tracks import FileTracks
from rtstyle.sources.video import Damage, ReadOptions, VideoSource
from rtstyle.stats import RunStats
from rtstyle.stylizer import Stylizer

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class FilmOptions:
    """What is the same for every film of a run."""

    read: ReadOptions = field(default_factory=ReadOptions)
    write: VideoOptions = field(default_factory=VideoOptions)
    size: str | None = None
    """``WxH`` to paint and write at."""
    scale: float | None = None
    batch: int = 1
    audio: bool = True
    overwrite: bool = False


@dataclass(kw_only=True)
class FilmReport:
    """What became of a film."""

    output: Path
    """Where it is, under its final or its partial name."""
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
        return f"{self.output}: {stats.frames} frames, {stats.fps:.1f} fps, {stats.seconds:.1f} s{slowest}"


class Listener(Protocol):
    """Hears how far a film is."""

    def begin(self, info: StreamInfo) -> None: ...

    def step(self, frames: int, info: StreamInfo) -> None: ...


def check_film(source: str, output: Path) -> None:
    """Refuse an output that is the input; raises :class:`UsageError`."""
    if not is_url(source) and output.exists() and Path(source).exists() and output.samefile(source):
        raise UsageError(f"the output {output} is the input; choose another name")


def paint_film(
    source: str,
    output: Path,
    stylizer: Stylizer,
    options: FilmOptions | None = None,
    *,
    stop: threading.Event | None = None,
    listener: Listener | None = None,
) -> FilmReport:
    """Paint ``source`` into ``output``.

    ``stop`` ends the film after the frames in flight; what is there is kept as ``NAME.partial.EXT``. Raises
    :class:`UsageError` before any work for what cannot be, :class:`RTStyleError` where reading or writing fails.
    """
    options = options or FilmOptions()
    stop = stop or threading.Event()
    check_film(source, output)
    with ExitStack() as stack:
        reader = VideoSource(source, options.read)
        sink = VideoSink(output, options.write, overwrite=options.overwrite)
        stack.enter_context(reader)
        size = target_size(reader.info.size, wanted=options.size, scale=options.scale)
        tracks = stack.enter_context(_tracks(source, options, sink.container))
        sink.attach(tracks, shift=-reader.origin)
        try:
            with sink:
                stats = _run(reader, stylizer, sink, RunConfig(batch=options.batch, size=size), stop, listener)
                if stop.is_set():
                    sink.interrupt()
        except RTStyleError as error:
            if sink.partial is not None:
                raise type(error)(f"{error}; {sink.frames} frames are kept in {sink.partial}") from error
            raise
        damage, notices = reader.damage, [*reader.notices, *sink.notices]
    return FilmReport(
        output=sink.partial or output, stats=stats, damage=damage, notices=notices, interrupted=sink.partial is not None
    )


def _tracks(source: str, options: FilmOptions, container: str) -> FileTracks:
    # Only mp4's edit lists can begin in the middle of a packet of sound; others would delay the picture instead.
    early = container in EDIT_LISTS
    return FileTracks(source, start=options.read.start, end=options.read.end, audio=options.audio, early=early)


def _run(
    source: VideoSource, stylizer: Stylizer, sink: VideoSink, config: RunConfig, stop: threading.Event, listener: Listener | None
) -> RunStats:
    progress: ProgressListener | None = None
    if listener is not None:
        listener.begin(source.info)
        progress = listener.step
    return run(source, stylizer, [sink], config, stop=stop, progress=progress)
