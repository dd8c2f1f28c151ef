"""What a run measured of itself."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

LATENCY_WINDOW = 600
"""Latencies kept for the percentiles; a constant, so that a run of days needs no more memory than one of minutes."""
RATE_SECONDS = 2.0
"""Span over which the current frame rate is measured."""
RATE_WINDOW = 512


@dataclass(frozen=True, kw_only=True)
class RunStats:
    """A finished run."""

    frames: int
    """Frames painted and written."""
    seconds: float
    dropped: int = 0
    """Frames of a live source that a newer one replaced before they were painted."""
    late: int = 0
    """Painted frames of a live run that were too old to be displayed."""
    busy: dict[str, float] = field(default_factory=dict)
    """Per stage, the share of the run in [0, 1] in which it worked (not waited)."""
    latency_p50: float | None = None
    """Seconds from capture to display, live sources only."""
    latency_p95: float | None = None
    failed_sinks: dict[str, str] = field(default_factory=dict)
    """Outputs of a live run that were dropped, and why."""

    @property
    def fps(self) -> float:
        """Frames per second, over the whole run."""
        return self.frames / self.seconds if self.seconds else 0.0

    @property
    def bottleneck(self) -> str | None:
        """The stage that worked most of the time."""
        return max(self.busy, key=lambda stage: self.busy[stage]) if self.busy else None


class StatsRecorder:
    """Collects the figures of a run from its threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started = time.perf_counter()
        self._busy: dict[str, float] = {}
        self._latencies: deque[float] = deque(maxlen=LATENCY_WINDOW)
        self._shown: deque[float] = deque(maxlen=RATE_WINDOW)
        self.frames = 0
        self.late = 0
        self.failed_sinks: dict[str, str] = {}
        self.stuck: set[str] = set()
        """Stages whose thread did not end with the run."""

    def begin(self) -> None:
        """The run begins now: a camera took its time to open, a network to be read."""
        self._started = time.perf_counter()

    @contextmanager
    def stage(self, name: str) -> Generator[None]:
        """Count the time inside as work of stage ``name``."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self._busy[name] = self._busy.get(name, 0.0) + time.perf_counter() - begun

    def shown(self, captured_at: float | None) -> None:
        """A frame reached its output; ``captured_at`` as in :class:`rtstyle.frame.Frame`."""
        now = time.monotonic()
        with self._lock:
            self.frames += 1
            self._shown.append(now)
            if captured_at is not None:
                self._latencies.append(now - captured_at)

    def latency(self) -> tuple[float, float] | None:
        """The median and 95th percentile of the recent latencies, in seconds."""
        with self._lock:
            recent = sorted(self._latencies)
        return (percentile(recent, 0.5), percentile(recent, 0.95)) if recent else None

    def fps(self) -> float:
        """Frames per second so far."""
        return self.frames / max(1e-9, time.perf_counter() - self._started)

    def recent_fps(self) -> float | None:
        """Frames per second over the last two seconds; None while fewer than two frames were shown in them."""
        now = time.monotonic()
        with self._lock:
            recent = [at for at in self._shown if at >= now - RATE_SECONDS]
        return (len(recent) - 1) / max(1e-9, recent[-1] - recent[0]) if len(recent) > 1 else None

    def is_stuck(self, sink: str) -> bool:
        """Whether the thread that writes to ``sink`` hangs in it still."""
        return f"write {sink}" in self.stuck

    def finish(self, *, dropped: int = 0) -> RunStats:
        """Freeze the figures."""
        seconds = time.perf_counter() - self._started
        latency = self.latency()
        return RunStats(
            frames=self.frames,
            seconds=seconds,
            dropped=dropped,
            late=self.late,
            busy={name: min(1.0, busy / seconds) for name, busy in self._busy.items()} if seconds else {},
            latency_p50=latency[0] if latency else None,
            latency_p95=latency[1] if latency else None,
            failed_sinks=dict(self.failed_sinks),
        )


def percentile(ordered: Sequence[float], share: float) -> float:
    """Of sorted values, the least that ``share`` of them do not exceed (nearest rank)."""
    return ordered[max(0, math.ceil(round(share * len(ordered), 6)) - 1)]
