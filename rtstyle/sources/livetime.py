"""The clock of a live stream: times count from the first frame and follow the moment of capture."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from rtstyle.frame import Frame

LIVE_TIME_BASE = Fraction(1, 90000)
"""Fine enough for every camera, and exact in every container that recordings are written to."""


class LiveTime:
    """Gives frames pts in :data:`LIVE_TIME_BASE` and an index; pts are strictly increasing whatever the clock does."""

    def __init__(self) -> None:
        self._zero: float | None = None
        self._last = -1
        self._count = 0

    def stamped(self, frame: Frame, captured_at: float) -> Frame:
        """The frame as captured at ``captured_at`` (``time.monotonic()`` seconds)."""
        if self._zero is None:
            self._zero = captured_at
        pts = max(self._last + 1, round((captured_at - self._zero) / LIVE_TIME_BASE))
        index, self._last, self._count = self._count, pts, self._count + 1
        return replace(frame, pts=pts, time_base=LIVE_TIME_BASE, index=index, duration=None, captured_at=captured_at)
