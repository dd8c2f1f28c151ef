"""The one path of a frame: source -> batch -> Stylizer -> sinks, each stage in a thread of its own.

::

    reader thread --Channel--> painter thread --Channel per sink--> writer threads
                                                                    (the calling thread for windows)

Files block: every frame is painted, N at a time, and order is kept. The first error of any stage aborts every channel,
all threads are joined, and the error is raised to the caller.

Live sources drop: a Channel of length 1 holds the newest frame, batches are of 1, and no output makes another wait:
each has a channel of its own that loses its oldest frame rather than hold the painter up. An output that fails, or
cannot be opened, is reported and dropped while others are left.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from rtstyle.channel import Channel, Closed
from rtstyle.config import RunConfig
from rtstyle.errors import RTStyleError, SinkError
from rtstyle.frame import Frame, StreamInfo
from rtstyle.freshness import Freshness
from rtstyle.pixels import resize
from rtstyle.sinks.base import Sink, WindowLike
from rtstyle.sources.base import Source
from rtstyle.stats import RunStats, StatsRecorder
from rtstyle.stylizer import Stylizer

logger = logging.getLogger(__name__)

ProgressListener = Callable[[int, StreamInfo], None]
"""Called with the frames written so far and the stream, from a thread of the pipeline."""

JOIN_SECONDS = 4.0
LIVE_JOIN_SECONDS = 0.6
"""A camera or a connection may hang in a call that nothing can interrupt; a live run does not wait for it to end."""
POLL_SECONDS = 0.02


class FramePainter(Protocol):
    """Paints frames of one size; unlike a Stylizer it sees when they were captured and may change more than their pixels."""

    def paint_frames(self, frames: Sequence[Frame]) -> Sequence[Frame]:
        """One painted frame for each."""
        ...


@dataclass(frozen=True)
class _Plain:
    """A Stylizer as a painter of frames."""

    stylizer: Stylizer

    def paint_frames(self, frames: Sequence[Frame]) -> Sequence[Frame]:
        painted = self.stylizer.paint(np.stack([frame.data for frame in frames]))
        return [frame.with_data(data) for frame, data in zip(frames, painted, strict=True)]


def run(
    source: Source,
    stylizer: Stylizer,
    sinks: Sequence[Sink],
    config: RunConfig | None = None,
    *,
    stop: threading.Event | None = None,
    progress: ProgressListener | None = None,
    recorder: StatsRecorder | None = None,
    painter: FramePainter | None = None,
) -> RunStats:
    """Paint everything ``source`` yields into every sink; both must have been entered (``with``).

    ``stop`` ends the run after the frames in flight: what was painted is written. ``painter`` paints in the stylizer's
    place. Raises the first error of any stage. In a live run an output that is still stuck when all is over is left to
    its thread and named in ``failed_sinks``: it must not be touched again.
    """
    return _Run(
        source,
        painter or _Plain(stylizer),
        sinks,
        config or RunConfig(),
        stop or threading.Event(),
        progress,
        recorder or StatsRecorder(),
    ).execute()


@dataclass
class _Output:
    sink: Sink
    channel: Channel[Frame]
    opened: bool = False
    failed: bool = False


@dataclass
class _Run:
    source: Source
    painter: FramePainter
    sinks: Sequence[Sink]
    config: RunConfig
    stop: threading.Event
    progress: ProgressListener | None
    recorder: StatsRecorder
    errors: list[BaseException] = field(default_factory=list)
    held: list[Frame] = field(default_factory=list)
    """A frame of another size that ended a batch and begins the next."""

    def execute(self) -> RunStats:
        info = self.source.info
        self.live = info.live
        self.info = info.with_size(self.config.size) if self.config.size else info
        self.batch = 1 if self.live else self.config.batch
        self.freshness = Freshness(info.rate) if self.live else None
        self.decoded: Channel[Frame] = Channel(1 if self.live else max(self.config.queue, self.batch), newest=self.live)
        self.outputs = [_Output(sink, Channel(self._room(sink), newest=self.live)) for sink in self.sinks]
        # A connection may take its time: live, each output is opened by its own thread, so that none delays the window.
        for output in self.outputs:
            if output.sink.main_thread or not self.live:
                self._open(output)
        self._raise_first()
        threads = [threading.Thread(target=self._stage, args=(work,), name=name, daemon=True) for name, work in self._stages()]
        for thread in threads:
            thread.start()
        try:
            self._attend(threads)
        except BaseException as error:  # a window's error, or Ctrl-C: carried through the same way out
            self._fail(error)
        self._join(threads)
        self._raise_first()
        return self.recorder.finish(dropped=self.decoded.dropped)

    def _room(self, sink: Sink) -> int:
        """How many painted frames may wait for ``sink``."""
        if self.live:
            return getattr(sink, "live_queue", 1)
        return max(self.config.queue, self.batch)

    def _stages(self) -> list[tuple[str, Callable[[], None]]]:
        writers = [(f"write {o.sink.name}", lambda o=o: self._write(o)) for o in self.outputs if not o.sink.main_thread]
        return [("read", self._read), ("paint", self._paint), *writers]

    def _stage(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Closed:
            pass
        except BaseException as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self.errors.append(error)
        self.stop.set()
        self.decoded.abort()
        for output in self.outputs:
            output.channel.abort()

    def _raise_first(self) -> None:
        if self.errors:
            raise self.errors[0]

    def _attend(self, threads: Sequence[threading.Thread]) -> None:
        """Drive the windows until every stage is done or the run is to end."""
        windows = [output for output in self.outputs if output.sink.main_thread]
        while any(thread.is_alive() for thread in threads) or any(not window.failed for window in windows):
            if self.stop.is_set():
                self.decoded.close()  # a reader that hangs in its device must not keep the painter waiting
                if self.live or self.errors:
                    return
            windows = [window for window in windows if self._serve(window)]
            if not windows:
                for thread in threads:
                    thread.join(POLL_SECONDS)

    def _serve(self, window: _Output) -> bool:
        """Show the next frame, or let the window answer its keys; whether there may be more."""
        try:
            frame = window.channel.get(timeout=POLL_SECONDS)
        except Closed:
            return False
        except TimeoutError:
            with _Guard(self, window):
                if isinstance(window.sink, WindowLike):
                    window.sink.idle()
            return not window.failed
        self._deliver(frame, window)
        return not window.failed

    def _join(self, threads: Sequence[threading.Thread]) -> None:
        deadline = time.monotonic() + (LIVE_JOIN_SECONDS if self.live else JOIN_SECONDS)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for thread in threads:
            if thread.is_alive():
                logger.warning("'%s' did not end in time and was left behind", thread.name)
                name = thread.name.removeprefix("write ")
                if name != thread.name:
                    self.recorder.failed_sinks[name] = "still busy when the run ended"

    def _read(self) -> None:
        frames = iter(self.source)
        count = 0
        try:
            while not self.stop.is_set() and (self.config.limit is None or count < self.config.limit):
                with self.recorder.stage("read"):
                    frame = next(frames, None)
                    if frame is not None and self.config.size:
                        frame = frame.with_data(resize(frame.data, self.config.size))
                if frame is None:
                    break
                self.decoded.put(frame)
                count += 1
        finally:
            self.decoded.close()

    def _paint(self) -> None:
        try:
            while True:
                batch = self._next_batch()
                if not batch:
                    return
                begun = time.monotonic()
                with self.recorder.stage("paint"):
                    painted = self.painter.paint_frames(batch)
                if self.freshness:
                    self.freshness.painted(time.monotonic() - begun)
                for done in painted:
                    for output in self.outputs:
                        self._hand_over(done, output)
        finally:
            for output in self.outputs:
                output.channel.close()

    def _hand_over(self, frame: Frame, output: _Output) -> None:
        try:
            if not output.failed:
                output.channel.put(frame)
        except Closed:
            if not output.failed:  # the whole run was ended, not this one output
                raise

    def _next_batch(self) -> list[Frame]:
        """Up to ``batch`` frames of one size; fewer at the end or before a change of size."""
        batch: list[Frame] = []
        if self.held:
            batch.append(self.held.pop())
        while len(batch) < self.batch:
            try:
                frame = self.decoded.get()
                if self.freshness:
                    frame = self.freshness.newest(frame, self.decoded)
            except Closed:
                break
            if batch and frame.size != batch[0].size:
                self.held.append(frame)
                break
            batch.append(frame)
        return batch

    def _open(self, output: _Output) -> None:
        with _Guard(self, output):
            output.sink.open(self.info)
            output.opened = True

    def _write(self, output: _Output) -> None:
        if not output.opened:
            self._open(output)
        while not output.failed:
            try:
                frame = output.channel.get()
            except Closed:
                return
            self._deliver(frame, output)

    def _deliver(self, frame: Frame, output: _Output) -> None:
        with _Guard(self, output), self.recorder.stage(f"write {output.sink.name}"):
            output.sink.write(frame)
        if output.failed:
            return
        if output is next(o for o in self.outputs if not o.failed):  # the run's figures are those of its first output
            self.recorder.shown(frame.captured_at)
            if self.progress:
                self.progress(self.recorder.frames, self.info)


@dataclass
class _Guard:
    """Decides what a sink's error means: the end of the run, or, live and with others left, only of the sink."""

    run: _Run
    output: _Output

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> bool:
        if error is None:
            return False
        self.output.failed = True
        name = self.output.sink.name
        others = [output for output in self.run.outputs if not output.failed]
        if not (self.run.live and others and isinstance(error, Exception)):
            self.run._fail(error)
            return True
        self.output.channel.abort()
        if not isinstance(error, RTStyleError | OSError):
            error = SinkError(f"{type(error).__name__}: {error}")
        logger.warning("%s failed and was dropped: %s", name, error)
        self.run.recorder.failed_sinks[name] = str(error)
        return True
