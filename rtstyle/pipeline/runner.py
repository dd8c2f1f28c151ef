"""The threads of a run: who hands what to whom, and how all of them come to an end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from rtstyle.channel import Channel, Closed
from rtstyle.config import RunConfig
from rtstyle.engines import batch_for
from rtstyle.frame import Frame, StreamInfo
from rtstyle.pipeline.freshness import Freshness
from rtstyle.pipeline.outputs import Guard, Output
from rtstyle.pipeline.painters import FramePainter, PlainPainter
from rtstyle.pixels import resize
from rtstyle.sinks.base import Queued, Sink, WindowLike
from rtstyle.sources.base import Source
from rtstyle.stats import RunStats, StatsRecorder
from rtstyle.stylizer import Stylizer
from rtstyle.system.background import BackgroundThread

logger = logging.getLogger(__name__)

ProgressListener = Callable[[int, StreamInfo], None]
"""Called with the frames written so far and the stream, from a thread of the pipeline."""

JOIN_SECONDS = 4.0
LIVE_JOIN_SECONDS = 0.6
"""A camera or a connection may hang in a call that nothing can interrupt; a live run does not wait for it to end."""
DRAIN_SECONDS = 2.0
"""How long outputs of a live run may take for what waits in their channels when the source has ended."""
POLL_SECONDS = 0.02


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
    place. Raises the first error of any stage. In a live run an output that still hangs when all is over is left to its
    thread and named in ``recorder.stuck``: it must not be touched again.
    """
    painter = painter or PlainPainter(stylizer)
    config = _with_batch(config or RunConfig(), source.info, stylizer)
    return _Run(source, painter, sinks, config, stop or threading.Event(), progress, recorder or StatsRecorder()).execute()


def _with_batch(config: RunConfig, info: StreamInfo, stylizer: Stylizer) -> RunConfig:
    """The choice that was left to the engine, made."""
    if info.live:
        return replace(config, batch=1)
    return replace(config, batch=config.batch or batch_for(stylizer.engine, *(config.size or info.size)))


class _Run:
    def __init__(
        self,
        source: Source,
        painter: FramePainter,
        sinks: Sequence[Sink],
        config: RunConfig,
        stop: threading.Event,
        progress: ProgressListener | None,
        recorder: StatsRecorder,
    ) -> None:
        self.source = source
        self.painter = painter
        self.config = config
        self.stop = stop
        self.progress = progress
        self.recorder = recorder
        self.live = source.info.live
        self.info = source.info.with_size(config.size) if config.size else source.info
        self.batch = config.batch or 1
        self.freshness = Freshness(self.info.rate) if self.live else None
        self.decoded: Channel[Frame] = Channel(1 if self.live else max(config.queue, self.batch), newest=self.live)
        self.outputs = [Output(sink, self._room(sink), live=self.live) for sink in sinks]
        self.errors: list[BaseException] = []
        self.held: list[Frame] = []
        """A frame of another size that ended a batch and begins the next."""
        self.skipped = 0
        """Frames that would have been too old by the time they were painted."""
        self.painted_at: float | None = None
        """When the painter was done with everything."""

    def execute(self) -> RunStats:
        self.recorder.begin()
        # A connection may take its time: live, each output is opened by its own thread, so that none delays the window.
        for output in self.outputs:
            if output.sink.main_thread or not self.live:
                self._open(output)
        self._raise_first()
        threads = [BackgroundThread(lambda work=work: self._stage(work), name=name) for name, work in self._stages()]
        for thread in threads:
            thread.start()
        try:
            self._attend(threads)
        except BaseException as error:  # a window's error, or Ctrl-C: carried through the same way out
            self._fail(error)
        self._join(threads)
        self._raise_first()
        return self.recorder.finish(dropped=self.decoded.dropped + self.skipped)

    def _room(self, sink: Sink) -> int:
        """How many painted frames may wait for ``sink``."""
        if self.live:
            return sink.live_queue if isinstance(sink, Queued) else 1
        return max(self.config.queue, self.batch)

    def _stages(self) -> list[tuple[str, Callable[[], None]]]:
        writers = [(o.stage, lambda o=o: self._write(o)) for o in self.outputs if not o.sink.main_thread]
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
                # Neither a reader that hangs in its device nor pictures yet to be painted may keep the run from ending.
                self.decoded.abort()
                if self.live or self.errors:
                    return
            if self.live and self.painted_at and time.monotonic() > self.painted_at + DRAIN_SECONDS:
                return
            windows = [window for window in windows if self._serve(window)]
            if not windows:
                for thread in threads:
                    thread.join(POLL_SECONDS)

    def _serve(self, window: Output) -> bool:
        """Show the next frame, or let the window answer its keys; whether there may be more."""
        try:
            frame = window.channel.get(timeout=POLL_SECONDS)
        except Closed:
            return False
        except TimeoutError:
            return self._idle(window)
        if self.freshness and self.freshness.too_late(frame):
            self.recorder.late += 1
            return self._idle(window)
        begun = time.monotonic()
        self._deliver(frame, window)
        if self.freshness:
            self.freshness.shown(time.monotonic() - begun)
        return not window.failed

    def _idle(self, window: Output) -> bool:
        with self._guarding(window):
            if isinstance(window.sink, WindowLike):
                window.sink.idle()
        return not window.failed

    def _join(self, threads: Sequence[threading.Thread]) -> None:
        deadline = time.monotonic() + (LIVE_JOIN_SECONDS if self.live else JOIN_SECONDS)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if self.live:
            for output in self.outputs:
                output.channel.close()  # a painter that is late does not keep the outputs from ending
        named = {output.stage: output for output in self.outputs}
        for thread in threads:
            if output := named.get(thread.name):
                self._wait(thread, output)
        for thread in threads:
            if thread.is_alive():
                logger.warning("'%s' did not end in time and was left behind", thread.name)
                self.recorder.stuck.add(thread.name)

    @staticmethod
    def _wait(thread: threading.Thread, output: Output) -> None:
        """For as long as the output is worth it, which may change while it comes to its end."""
        begun = time.monotonic()
        while thread.is_alive() and time.monotonic() < begun + output.patience:
            thread.join(POLL_SECONDS)

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
                        output.put(done)
        finally:
            self.painted_at = time.monotonic()
            for output in self.outputs:
                output.channel.close()

    def _next_batch(self) -> list[Frame]:
        """Up to ``batch`` frames of one size; fewer at the end or before a change of size."""
        batch: list[Frame] = []
        if self.held:
            batch.append(self.held.pop())
        while len(batch) < self.batch:
            try:
                first = frame = self.decoded.get()
                if self.freshness:
                    frame = self.freshness.newest(first, self.decoded)
                self.skipped += frame is not first
            except Closed:
                break
            if batch and frame.size != batch[0].size:
                self.held.append(frame)
                break
            batch.append(frame)
        return batch

    def _open(self, output: Output) -> None:
        with self._guarding(output):
            output.sink.open(self.info)
            output.opened = True

    def _write(self, output: Output) -> None:
        if not output.opened:
            self._open(output)
        while not output.failed:
            try:
                frame = output.channel.get()
            except Closed:
                return
            self._deliver(frame, output)

    def _deliver(self, frame: Frame, output: Output) -> None:
        with self._guarding(output), self.recorder.stage(output.stage):
            output.sink.write(frame)
        if output.failed:
            return
        if output is next(o for o in self.outputs if not o.failed):  # the run's figures are those of its first output
            self.recorder.shown(frame.captured_at)
            if self.progress:
                self.progress(self.recorder.frames, self.info)

    def _guarding(self, output: Output) -> Guard:
        return Guard(output, self.outputs, self._fail, self.recorder, live=self.live)
