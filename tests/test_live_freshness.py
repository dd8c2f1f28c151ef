"""Nothing old is painted where the next frame is better, and nothing old is shown."""

from __future__ import annotations

import time
from collections.abc import Sequence
from fractions import Fraction

import pytest
from live_parts import Hands, LiveFrames, NoPainter, Screen, picture, tiny_stylizer

from rtstyle.channel import Channel
from rtstyle.frame import Frame
from rtstyle.pipeline import run
from rtstyle.pipeline.freshness import STARVED_INTERVALS, Freshness


@pytest.fixture
def clock() -> Hands:
    return Hands()


def live_frame(at: float, index: int = 0) -> Frame:
    return Frame(data=picture(9), pts=index, time_base=Fraction(1, 30), index=index, captured_at=at)


def test_a_frame_that_would_be_too_old_when_shown_makes_way_for_the_next(clock: Hands) -> None:
    fresh = Freshness(Fraction(30), clock=clock)
    fresh.painted(0.050)
    waiting: Channel[Frame] = Channel(1, newest=True)
    waiting.put(live_frame(clock.now, 1))
    assert fresh.newest(live_frame(clock.now - 0.005), waiting).index == 0
    assert fresh.newest(live_frame(clock.now - 0.030), waiting).index == 1
    assert fresh.newest(live_frame(clock.now - 0.030), waiting).index == 0, "none came: better that one than nothing"


def test_a_machine_that_is_too_slow_for_any_frame_paints_what_there_is(clock: Hands) -> None:
    fresh = Freshness(Fraction(30), clock=clock)
    fresh.painted(0.2)
    waiting: Channel[Frame] = Channel(1, newest=True)
    waiting.put(live_frame(clock.now, 1))
    assert fresh.newest(live_frame(clock.now - 0.030), waiting).index == 0


def test_an_old_painting_is_not_shown(clock: Hands) -> None:
    fresh = Freshness(Fraction(30), clock=clock)
    for _ in range(20):
        fresh.painted(0.010)
    fresh.shown(0.005)
    assert not fresh.too_late(live_frame(clock.now - 0.060))
    assert fresh.too_late(live_frame(clock.now - 0.063)), "showing it would take it over two intervals"
    fresh.painted(2.0)
    assert fresh.too_late(live_frame(clock.now - 2.0)), "one hiccup does not make a machine a slow one"


def test_a_late_painting_is_better_than_a_dead_screen(clock: Hands) -> None:
    fresh = Freshness(Fraction(30), clock=clock)
    fresh.painted(0.010)
    clock.now += (STARVED_INTERVALS + 1) / 30
    assert not fresh.too_late(live_frame(clock.now - 1.0))
    fresh.shown(0.0)
    assert fresh.too_late(live_frame(clock.now - 1.0))


def test_a_machine_that_can_never_be_in_time_shows_what_there_is(clock: Hands) -> None:
    fresh = Freshness(Fraction(30), clock=clock)
    for _ in range(9):
        fresh.painted(0.070)
    assert not fresh.too_late(live_frame(clock.now - 0.5))
    assert not Freshness(None, clock=clock).too_late(live_frame(clock.now - 9.0)), "a source without a rate has no intervals"


class Stumbling(NoPainter):
    """Takes half an interval a frame, and for every tenth more than two."""

    def __init__(self, interval: float) -> None:
        super().__init__(interval / 2)
        self.stumbled: set[int] = set()

    def paint_frames(self, frames: Sequence[Frame]) -> list[Frame]:
        if frames[0].index >= 10 * (len(self.stumbled) + 1):
            self.stumbled.add(frames[0].index)
            time.sleep(5 * self.seconds)
        return super().paint_frames(list(frames))


class Tallying(NoPainter):
    """Counts what it is given."""

    count = 0

    def paint_frames(self, frames: Sequence[Frame]) -> list[Frame]:
        self.count += len(frames)
        return super().paint_frames(list(frames))


def test_a_frame_is_painted_or_counted_as_dropped() -> None:
    interval = 0.04
    painter = Tallying(1.5 * interval)
    with LiveFrames(40, interval=interval) as source:
        stats = run(source, tiny_stylizer(), [Screen()], painter=painter)
    assert stats.dropped > 0
    assert painter.count + stats.dropped == 40


def test_a_run_displays_nothing_that_came_late() -> None:
    interval = 0.08
    screen, painter = Screen(), Stumbling(interval)
    with LiveFrames(45, interval=interval) as source:
        stats = run(source, tiny_stylizer(), [screen], painter=painter)
    shown = [frame.index for frame in screen.frames]
    assert len(painter.stumbled) >= 2
    assert not painter.stumbled & set(shown)
    assert stats.late > 0
    assert shown == sorted(set(shown))
    assert len(shown) > 10
