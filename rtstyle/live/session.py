"""A live session: one source, one painter, every output that was asked for, and the person who controls them."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np

from rtstyle.errors import SinkError, UsageError
from rtstyle.frame import StreamInfo
from rtstyle.live.adaptive import AdaptiveHeight
from rtstyle.live.controls import Controls
from rtstyle.live.painter import LivePainter
from rtstyle.pipeline import run
from rtstyle.pixels import Size
from rtstyle.sinks.address import check_playlist
from rtstyle.sinks.base import Sink
from rtstyle.sinks.recording import RecordingSink
from rtstyle.sinks.snapshot import SnapshotSink
from rtstyle.sources.base import Source
from rtstyle.stats import RunStats, StatsRecorder
from rtstyle.stylizer import Stylizer

logger = logging.getLogger(__name__)

Announce = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Where the painting goes; all of them at once."""

    window: bool = True
    record: Path | None = None
    overwrite: bool = False
    folder: Path = Path()
    """For stills, and for recordings that a key starts."""
    stream: str | None = None
    http: int | None = None
    http_host: str = "127.0.0.1"
    virtual_camera: str | None = None
    """A device's name, or ``auto``."""

    def __post_init__(self) -> None:
        if not os.path.isdir(self.folder):
            raise UsageError(f"the folder {self.folder} for stills and recordings does not exist; make it first")
        if self.stream is not None:
            check_playlist(self.stream, overwrite=self.overwrite)

    @property
    def others(self) -> bool:
        """Whether there is an output besides the window."""
        return any(output is not None for output in (self.record, self.stream, self.http, self.virtual_camera))


@dataclass(frozen=True, kw_only=True)
class Report:
    """A finished session."""

    stats: RunStats
    saved: tuple[Path, ...]


@dataclass
class Session:
    """Everything that a live run needs. ``run`` must be called by the main thread where there is a window."""

    source: Source
    stylizer: Stylizer
    controls: Controls
    height: AdaptiveHeight
    outputs: Outputs
    stabilize: bool = False
    seconds: float | None = None
    """The session ends by itself after this long."""
    asked: str = ""
    """The size and rate that were asked of the source, for the message that tells what it gives."""
    announce: Announce = logger.info

    def run(self) -> Report:
        """Run until the source ends, the viewer quits or ``controls.stop`` is set.

        Raises the source's errors at the start, and :class:`SinkError` where no output is left.
        """
        recorder = StatsRecorder()
        sinks, recording, stills = self._sinks(recorder)
        with ExitStack() as stack:
            source = stack.enter_context(self.source)
            self._introduce(source.info)
            self._warm_up(source.info.size)
            for sink in sinks:
                stack.enter_context(_Held(sink, recorder))
            if self.seconds is not None:
                stack.enter_context(_ending_after(self.seconds, self.controls.stop))
            stats = run(
                source,
                self.stylizer,
                sinks,
                stop=self.controls.stop,
                recorder=recorder,
                painter=LivePainter(self.stylizer, self.controls, self.height, stabilize=self.stabilize),
            )
        return Report(stats=stats, saved=(*recording.saved, *stills.saved))

    def _sinks(self, recorder: StatsRecorder) -> tuple[list[Sink], RecordingSink, SnapshotSink]:
        """All outputs, the window first: its figures are those of the run."""
        it, controls = self.outputs, self.controls
        recording = RecordingSink(
            it.folder,
            lambda: controls.recording,
            first=it.record,
            overwrite=it.overwrite,
            say=self._tell,
            failed=lambda: setattr(controls, "recording", False),
        )
        stills = SnapshotSink(it.folder, controls.take_still, self._tell)
        sinks: list[Sink] = [recording, stills]
        if it.http is not None:
            from rtstyle.sinks.mjpeg import MjpegSink

            sinks.insert(0, MjpegSink(it.http, host=it.http_host, say=self.announce))
        if it.stream is not None:
            from rtstyle.sinks.broadcast import BroadcastSink
            from rtstyle.sinks.recording import LIVE_STREAM

            sinks.insert(0, BroadcastSink(it.stream, LIVE_STREAM))
        if it.virtual_camera is not None:
            from rtstyle.sinks.virtualcam import VirtualCameraSink

            sinks.insert(0, VirtualCameraSink(None if it.virtual_camera == "auto" else it.virtual_camera))
        if self._window_possible():
            from rtstyle.live.viewer import WindowViewer
            from rtstyle.sinks.window import WindowSink

            sinks.insert(0, WindowSink(WindowViewer(controls, recorder, lambda: recording.seconds)))
        return sinks, recording, stills

    def _window_possible(self) -> bool:
        it = self.outputs
        if not it.window:
            if not it.others:
                raise UsageError("without a window there is no output: add --record, --stream, --http or --virtual-camera")
            return False
        from rtstyle.sinks.window import why_no_display

        why = why_no_display()
        if why is None:
            return True
        if not it.others:
            raise SinkError(f"no window: {why}; --record, --stream, --http and --virtual-camera work without one")
        self.announce(f"no window: {why}; the other outputs go on (Ctrl-C ends)")
        return False

    def _tell(self, text: str) -> None:
        self.controls.say(text)
        self.announce(text)

    def _introduce(self, info: StreamInfo) -> None:
        height, width = info.size
        at = f" at {_plain(info.rate)} fps" if info.rate else ""
        asked = f" (asked for {self.asked})" if self.asked else ""
        self.announce(f"{info.name}: {width}x{height}{at}{asked}")

    def _warm_up(self, size: Size) -> None:
        """The first painting takes many times longer than the others: have it before the window opens."""
        blank = np.zeros((1, *size, 3), dtype=np.uint8)
        self.stylizer.paint(blank, self.controls.look().changed(paint_height=self.height.for_picture(size[0])))


@contextmanager
def _ending_after(seconds: float, stop: threading.Event) -> Generator[None]:
    timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), stop.set)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class _Held:
    """Enters a sink, and leaves it at the end unless its thread hangs in it still."""

    def __init__(self, sink: Sink, recorder: StatsRecorder) -> None:
        self._sink = sink
        self._recorder = recorder

    def __enter__(self) -> None:
        self._sink.__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not self._recorder.is_stuck(self._sink.name):
            self._sink.__exit__(kind, error, trace)


def _plain(rate: Fraction) -> str:
    return f"{float(rate):.2f}".rstrip("0").rstrip(".")


def summary(report: Report) -> str:
    """``312 frames in 10.4 s, 29.9 fps, latency p50 41 ms, p95 55 ms, 3 not painted``."""
    stats = report.stats
    parts = [f"{stats.frames} frames in {stats.seconds:.1f} s", f"{stats.fps:.1f} fps"]
    if stats.latency_p50 is not None and stats.latency_p95 is not None:
        parts += [f"latency p50 {stats.latency_p50 * 1000:.0f} ms", f"p95 {stats.latency_p95 * 1000:.0f} ms"]
    if stats.dropped:
        parts.append(f"{stats.dropped} not painted")
    return ", ".join(parts)
