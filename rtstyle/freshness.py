"""Keeps a live picture young: what is about to be too old when it is shown is not painted."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction

from rtstyle.channel import Channel, Closed
from rtstyle.frame import Frame

OLDEST_INTERVALS = 2
"""A displayed frame should be at most this many frame intervals old."""
SMOOTHING = 0.2
"""Weight of the latest painting time in the running mean."""


class Freshness:
    """Chooses, before each painting, between the frame at hand and the next one.

    The frame at hand was captured ``age`` ago and takes ``p`` to paint. Where ``age + p`` exceeds two frame intervals and the
    next frame, due ``interval - age`` from now, can be shown within two intervals of its own, the next one is waited for.
    A machine that cannot paint within two intervals gets every frame it asks for.
    """

    def __init__(self, rate: Fraction | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        """``rate``: nominal frames per second of the source; None turns the choice off."""
        self.interval = float(1 / rate) if rate else None
        self.paint_seconds = 0.0
        self._clock = clock

    def painted(self, seconds: float) -> None:
        """A frame took ``seconds`` to paint."""
        self.paint_seconds += (seconds - self.paint_seconds) * (SMOOTHING if self.paint_seconds else 1.0)

    def newest(self, frame: Frame, waiting: Channel[Frame]) -> Frame:
        """``frame``, or the next one of ``waiting``."""
        if self.interval is None or frame.captured_at is None:
            return frame
        oldest = OLDEST_INTERVALS * self.interval
        age = self._clock() - frame.captured_at
        if age + self.paint_seconds <= oldest or self.paint_seconds >= oldest:
            return frame
        try:
            return waiting.get(timeout=self.interval)
        except (TimeoutError, Closed):
            return frame
