"""One path for every frame: order, errors, and nobody waiting for anybody in a live run."""

from __future__ import annotations

import gc
import threading
import time
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from live_parts import Failing, Hung, LiveFrames, NoPainter, Screen, Slow, picture, tiny_stylizer

from rtstyle.config import RunConfig
from rtstyle.errors import SinkError, SourceError
from rtstyle.frame import Frame
from rtstyle.pipeline import run
from rtstyle.sinks.memory import MemorySink
from rtstyle.sinks.null import NullSink
from rtstyle.sources.memory import MemorySource
from rtstyle.stats import StatsRecorder


def no_stage_left() -> bool:
    return not [
        thread for thread in threading.enumerate() if thread.name in ("read", "paint") or thread.name.startswith("write ")
    ]


@pytest.mark.parametrize("batch", [1, 3, 4])
def test_every_frame_of_a_film_arrives_in_order_and_painted_alike(batch: int) -> None:
    stylizer = tiny_stylizer()
    pictures = [picture(value) for value in range(0, 250, 25)]
    sink = MemorySink()
    with MemorySource(pictures) as source, sink:
        stats = run(source, stylizer, [sink], RunConfig(batch=batch, queue=2))
    assert [frame.index for frame in sink.frames] == list(range(10))
    assert stats.frames == 10
    for frame, original in zip(sink.frames, pictures, strict=True):
        assert np.abs(frame.data.astype(int) - stylizer.paint_one(original).astype(int)).max() <= 1


class Broken(MemorySource):
    def __iter__(self) -> Iterator[Frame]:
        yield from list(super().__iter__())[:2]
        raise SourceError("the film tore")


class BrokenSink(MemorySink):
    def write(self, frame: Frame) -> None:
        raise SinkError("disk full")


class BrokenPainter(NoPainter):
    def paint_frames(self, frames: list[Frame]) -> list[Frame]:
        raise ValueError("no paint left")


@pytest.mark.parametrize("stage", ["source", "painter", "sink"])
def test_an_error_in_any_stage_ends_the_run_with_it(stage: str) -> None:
    pictures = [picture(50)] * 400
    source = Broken(pictures) if stage == "source" else MemorySource(pictures)
    painter = BrokenPainter() if stage == "painter" else NoPainter()
    sink = BrokenSink() if stage == "sink" else MemorySink()
    begun = time.monotonic()
    with pytest.raises((SourceError, ValueError, SinkError), match=r"the film tore|no paint left|disk full"):
        run(source, tiny_stylizer(), [sink], RunConfig(queue=1), painter=painter)
    assert time.monotonic() - begun < 5
    assert no_stage_left()


def test_no_film_is_closed_while_its_encoder_is_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    encoding = threading.Event()

    class Encoder(Slow):
        def write(self, frame: Frame) -> None:
            encoding.set()
            super().write(frame)

    class Tearing(MemorySource):
        def __iter__(self) -> Iterator[Frame]:
            yield from super().__iter__()
            assert encoding.wait(30)
            raise SourceError("the film tore")

    monkeypatch.setattr("rtstyle.pipeline.runner.JOIN_SECONDS", 0.1)
    with pytest.raises(SourceError, match="the film tore"):
        run(Tearing([picture(50)]), tiny_stylizer(), [Encoder(seconds=1.0)], RunConfig(batch=1), painter=NoPainter())
    assert no_stage_left()


def test_what_was_before_the_run_is_not_in_its_figures() -> None:
    recorder = StatsRecorder()
    time.sleep(0.5)
    begun = time.perf_counter()
    with LiveFrames(3) as source:
        stats = run(source, tiny_stylizer(), [MemorySink()], painter=NoPainter(), recorder=recorder)
    assert stats.seconds <= time.perf_counter() - begun


def test_stop_writes_what_was_painted() -> None:
    stop = threading.Event()
    sink = MemorySink()
    source = MemorySource([picture(9)] * 10_000)
    run(
        source, tiny_stylizer(), [sink], stop=stop, painter=NoPainter(0.001), progress=lambda count, _: count >= 20 and stop.set()
    )
    assert 20 <= len(sink.frames) < 10_000
    assert [frame.index for frame in sink.frames] == list(range(len(sink.frames)))


def test_a_slow_painter_gets_the_newest_frame_and_order_is_never_reversed() -> None:
    screen = Screen()
    with LiveFrames(60, interval=0.005) as source:
        stats = run(source, tiny_stylizer(), [screen], painter=NoPainter(0.03))
    indices = [frame.index for frame in screen.frames]
    assert indices == sorted(set(indices))
    assert stats.dropped > 0
    assert stats.dropped + len(indices) >= 55  # the rest were on their way when the source ended
    assert stats.latency_p95 is not None


def test_a_hung_output_does_not_hold_up_the_others_nor_the_end() -> None:
    hung, screen, recorder = Hung(), Screen(), StatsRecorder()
    try:
        with LiveFrames(30, interval=0.005) as source:
            begun = time.monotonic()
            run(source, tiny_stylizer(), [screen, hung], painter=NoPainter(), recorder=recorder)
        assert screen.frames[-1].index >= 25
        assert time.monotonic() - begun < 5
        assert recorder.is_stuck("hung")
    finally:
        hung.release.set()


def test_neither_a_late_painter_nor_a_slow_encoder_costs_a_recording() -> None:
    slow, recorder, stop = Slow(seconds=1.0), StatsRecorder(), threading.Event()
    threading.Timer(0.3, stop.set).start()
    with LiveFrames(None, interval=0.005) as source:
        run(source, tiny_stylizer(), [slow], painter=NoPainter(0.2), recorder=recorder, stop=stop)
    assert slow.frames
    assert not recorder.is_stuck("slow")
    late = Slow(seconds=0.0)
    stop.clear()
    threading.Timer(0.1, stop.set).start()
    with LiveFrames(None, interval=0.005) as source:
        run(source, tiny_stylizer(), [late], painter=NoPainter(2.0), recorder=recorder, stop=stop)
    assert not recorder.is_stuck("slow")
    while not no_stage_left():
        time.sleep(0.05)


def test_a_failing_output_is_reported_and_dropped() -> None:
    failing, other = Failing(), MemorySink()
    with LiveFrames(40, interval=0.002) as source:
        stats = run(source, tiny_stylizer(), [failing, other], painter=NoPainter())
    assert stats.failed_sinks == {"failing": "disk full"}
    assert other.frames[-1].index >= 35  # it went on after the failure, which came at the third frame or a little later
    assert stats.frames > 2


def test_the_last_output_that_fails_ends_a_live_run() -> None:
    with LiveFrames(None, interval=0.002) as source, pytest.raises(OSError, match="disk full"):
        run(source, tiny_stylizer(), [Failing()], painter=NoPainter())
    assert no_stage_left()


def test_the_window_belongs_to_the_calling_thread_and_is_never_left_alone() -> None:
    screen = Screen()
    with LiveFrames(4, interval=0.08) as source:
        run(source, tiny_stylizer(), [screen], painter=NoPainter())
    assert screen.threads == {threading.get_ident()}
    assert screen.idled >= 4


def test_a_live_run_stops_at_once_even_when_the_camera_hangs() -> None:
    stop = threading.Event()
    release = threading.Event()

    class Stuck(LiveFrames):
        def __iter__(self) -> Iterator[Frame]:
            yield next(iter(LiveFrames(1)))
            release.wait(30)

    threading.Timer(0.2, stop.set).start()
    begun = time.monotonic()
    try:
        run(Stuck(1), tiny_stylizer(), [Screen()], stop=stop, painter=NoPainter())
        assert time.monotonic() - begun < 3
    finally:
        release.set()


def test_memory_is_flat_over_ten_thousand_live_frames() -> None:
    """About the pipeline, not about the network: frames pass unpainted, as fast as they can."""
    held: list[int] = []

    def watch(count: int, _info: object) -> None:
        if count in (1000, 10_000):
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])

    # An output that keeps every frame count: each frame is written before the next is made.
    class Lockstep(LiveFrames):
        def __iter__(self) -> Iterator[Frame]:
            for frame in super().__iter__():
                yield frame
                while sink.count < frame.index + 1:
                    time.sleep(0)

    sink = NullSink()
    tracemalloc.start()
    try:
        with Lockstep(10_000) as source:
            run(source, tiny_stylizer(), [sink], painter=NoPainter(), progress=watch)
    finally:
        tracemalloc.stop()
    assert sink.count == 10_000
    assert held[1] - held[0] < 200_000
