"""Keeps a live picture young: what would be too old when it is shown is not painted, and what is too old is not shown."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable
from fractions import Fraction

from rtstyle.channel import Channel, Closed
from rtstyle.frame import Frame

OLDEST_INTERVALS = 2
"""A displayed frame is at most this many frame intervals old."""
STARVED_INTERVALS = 8
"""After this many intervals without a picture a late one is better than none."""
WINDOW = 9
"""Painting times of which the median is taken: one hiccup does not make a machine a slow one."""


class Freshness:
    """Chooses, before each painting, between the frame at hand and the next one, and afterwards whether it is shown.

    The frame at hand was captured ``age`` ago and takes ``p`` to paint and show. Where ``age + p`` exceeds two frame intervals
    and the next frame, due ``interval - age`` from now, can be shown within two intervals of its own, the next one is
    waited for. A painted frame that is older than two intervals all the same is not displayed.

    A machine that needs two intervals for painting alone could never show anything that way: it gets, and shows, the
    newest frame there is, as does one on whose screen nothing was shown for eight intervals.
    """

    def __init__(self, rate: Fraction | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        """``rate``: nominal frames per second of the source; None turns the choice off."""
        self.interval = float(1 / rate) if rate else None
        self._painting: deque[float] = deque(maxlen=WINDOW)
        self._showing: deque[float] = deque(maxlen=WINDOW)
        # Each is written by the one thread that paints or shows, and read by both.
        self.paint_seconds = self.show_seconds = 0.0
        self._clock = clock
        self._shown_at = clock()

    def painted(self, seconds: float) -> None:
        """A frame took ``seconds`` to paint."""
        self._painting.append(seconds)
        self.paint_seconds = statistics.median(self._painting)

    def shown(self, seconds: float) -> None:
        """A frame took ``seconds`` to display, and is on the screen now."""
        self._showing.append(seconds)
        self.show_seconds = statistics.median(self._showing)
        self._shown_at = self._clock()

    @property
    def seconds(self) -> float:
        """What painting and showing a frame take."""
        return self.paint_seconds + self.show_seconds

    def too_late(self, frame: Frame) -> bool:
        """Whether the painted ``frame`` would be too old on the screen, and should make way for the next."""
        if self.interval is None or frame.captured_at is None:
            return False
        now, oldest = self._clock(), OLDEST_INTERVALS * self.interval
        starved = now - self._shown_at > STARVED_INTERVALS * self.interval
        return not starved and self.seconds < oldest < now + self.show_seconds - frame.captured_at

    def newest(self, frame: Frame, waiting: Channel[Frame]) -> Frame:
        """``frame``, or the next one of ``waiting``."""
        if self.interval is None or frame.captured_at is None:
            return frame
        oldest = OLDEST_INTERVALS * self.interval
        age = self._clock() - frame.captured_at
        if age + self.seconds <= oldest or self.seconds >= oldest:
            return frame
        try:
            return waiting.get(timeout=self.interval)
        except (TimeoutError, Closed):
            return frame
