"""How old frames are when they are displayed: a paced source before the live path, and a screen that takes the time."""

from __future__ import annotations

import time
from typing import Any

import cv2

from rtstyle.config import RunConfig
from rtstyle.engines import Engine
from rtstyle.engines.warming import WarmingEngine
from rtstyle.frame import Frame
from rtstyle.live.adaptive import AdaptiveHeight
from rtstyle.live.controls import Controls
from rtstyle.live.inputs import open_input
from rtstyle.live.painter import LivePainter
from rtstyle.live.playlist import Playlist
from rtstyle.live.viewer import WindowViewer
from rtstyle.pipeline import run
from rtstyle.sinks.null import NullSink
from rtstyle.stats import StatsRecorder, percentile
from rtstyle.styles import StyleBank
from rtstyle.stylizer import Stylizer

FPS = 30
SOURCE = f"lavfi:testsrc2=size=640x360:rate={FPS}"
WARM_UP_FRAMES = FPS
"""Frames before the figures begin."""
WARM_UP_SECONDS = 60.0
"""What a faster engine may take to get ready beforehand."""


class _Screen(NullSink):
    """Does what the window does but for the display: draws the overlay and turns the picture over to BGR."""

    name = "screen"
    main_thread = True

    def __init__(self, viewer: WindowViewer) -> None:
        super().__init__()
        self.viewer = viewer
        self.shown: list[tuple[int, float]] = []
        """Index and age in seconds of every frame, when it was there to be seen."""

    def write(self, frame: Frame) -> None:
        cv2.cvtColor(self.viewer.compose(frame), cv2.COLOR_RGB2BGR)
        assert frame.captured_at is not None
        self.shown.append((frame.index, time.monotonic() - frame.captured_at))

    def idle(self) -> None:
        return None


def time_live(seconds: float, bank: StyleBank, engine: Engine) -> dict[str, Any]:
    """Run a 30 fps source of 640x360 for ``seconds``; ages at display in milliseconds, and what was left out."""
    stylizer = Stylizer(bank, bank.names[0], engine=engine)
    controls = Controls(Playlist.parse(bank.names[0], bank.names))
    recorder = StatsRecorder()
    screen = _Screen(WindowViewer(controls, recorder, lambda: None))
    with open_input(SOURCE) as source:
        painter = LivePainter(stylizer, controls, AdaptiveHeight(FPS))
        stylizer.paint(next(iter(source)).data[None])
        if isinstance(engine, WarmingEngine):
            engine.wait(WARM_UP_SECONDS)
        frames = round(seconds * FPS) + WARM_UP_FRAMES
        stats = run(source, stylizer, [screen], RunConfig(limit=frames), recorder=recorder, painter=painter)
    shown = [(index, age) for index, age in screen.shown if index >= WARM_UP_FRAMES] or screen.shown
    ages = sorted(1e3 * age for _, age in shown)
    indices = [index for index, _ in screen.shown]
    return {
        "engine": engine.name,
        "captured": frames,
        "displayed": len(screen.shown),
        "not_painted": stats.dropped,
        "too_late": stats.late,
        "in_order": indices == sorted(set(indices)),
        "interval_ms": 1e3 / FPS,
        "p50_ms": percentile(ages, 0.5) if ages else None,
        "p95_ms": percentile(ages, 0.95) if ages else None,
        "max_ms": ages[-1] if ages else None,
        "older_than_two_intervals": sum(age > 2e3 / FPS for age in ages),
    }


def live_line(shown: dict[str, Any]) -> str:
    """The result of :func:`time_live` for people."""
    if shown["p50_ms"] is None:
        return "live: nothing was displayed"
    return (
        f"live, {FPS} fps at 640x360 with {shown['engine']}: {shown['displayed']} of {shown['captured']} frames displayed "
        f"{'in order' if shown['in_order'] else 'OUT OF ORDER'}, "
        f"{shown['not_painted']} not painted, {shown['too_late']} too late; "
        f"age at display p50 {shown['p50_ms']:.0f} ms, p95 {shown['p95_ms']:.0f} ms, max {shown['max_ms']:.0f} ms, "
        f"{shown['older_than_two_intervals']} over two intervals ({2e3 / FPS:.0f} ms)"
    )
