"""The height to paint at, so that the machine keeps up."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable

STEP = 0.85
"""Each height of the ladder is this share of the one above: a third of the pixels fewer, hardly seen."""
MULTIPLE = 8
LOWEST = 144
WINDOW = 12
"""Painting times of which the median is taken: one hiccup moves nothing."""
DOWN_AT = 0.95
"""Share of the frame interval from which painting counts as too slow."""
UP_AT = 0.75
"""Share of the frame interval that painting must be predicted to take one step up, before it is tried."""
LEAST_ROOM = 0.25
"""Share of the frame interval that painting may always take, however little is left of it."""
SETTLE_SECONDS = 1.0
UP_SECONDS = 3.0
LONGEST_UP_SECONDS = 60.0


class AdaptiveHeight:
    """Walks a ladder of heights: down at once when painting is too slow, up only after a while of ease.

    A step up that had to be taken back doubles the wait before the next try, so the picture does not pump between two
    heights. Painting time is taken to grow with the number of pixels.
    """

    def __init__(self, fps: float | None, *, fixed: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """``fps``: the rate to keep up with, None for full height always; ``fixed``: this height always."""
        self.budget = 1.0 / fps if fps and fixed is None else None
        self.fixed = fixed
        self._clock = clock
        self._times: deque[float] = deque(maxlen=WINDOW)
        self._besides: deque[float] = deque(maxlen=WINDOW)
        self._ladder: list[int] = []
        self._at = 0
        self._changed = clock()
        self._eased_since: float | None = None
        self._raised_at: float | None = None
        self._up_wait = UP_SECONDS

    def for_picture(self, height: int) -> int | None:
        """The height to paint a picture of ``height`` at; None is its own."""
        if self.budget is None:
            return self.fixed
        if not self._ladder or self._ladder[0] != height:
            self._ladder = ladder(height)
            self._at = 0
            self._raised_at = None
            self._times.clear()
        return self._ladder[self._at] if self._at else None

    def painted(self, seconds: float, *, besides: float = 0.0, warming: bool = False) -> None:
        """A frame took ``seconds`` to paint at the present height, and took ``besides`` at any height.

        ``warming``: a faster engine is on its way for it. A step up is not taken back for what the engine took that stands in
        meanwhile.
        """
        if self.budget is None or (warming and self._raised_at is not None):
            return
        self._times.append(seconds)
        self._besides.append(besides)
        now = self._clock()
        if len(self._times) < WINDOW or now < self._changed + SETTLE_SECONDS:
            return
        median, room = statistics.median(self._times), self._room(self.budget)
        if median > DOWN_AT * room:
            self._lower(median, room, now)
        elif self._at and median * self._growth(self._at - 1) < UP_AT * room:
            if self._eased_since is None:
                self._eased_since = now
            elif now >= self._eased_since + self._up_wait:
                self._raised_at = now
                self._move(self._at - 1, now)
        else:
            self._eased_since = None

    def _room(self, budget: float) -> float:
        """What is left for painting."""
        return max(LEAST_ROOM * budget, budget - statistics.median(self._besides))

    def _lower(self, median: float, room: float, now: float) -> None:
        if self._raised_at is not None and now < self._raised_at + 2 * self._up_wait:
            self._up_wait = min(LONGEST_UP_SECONDS, 2 * self._up_wait)
        self._raised_at = None
        goal = (DOWN_AT + UP_AT) / 2 * room
        at = self._at
        while at + 1 < len(self._ladder):
            at += 1
            if median * self._growth(at) <= goal:
                break
        if at != self._at:
            self._move(at, now)

    def _move(self, at: int, now: float) -> None:
        self._at = at
        self._changed = now
        self._eased_since = None
        self._times.clear()

    def _growth(self, at: int) -> float:
        """By how much painting time changes on the way to step ``at``."""
        return (self._ladder[at] / self._ladder[self._at]) ** 2


def ladder(height: int) -> list[int]:
    """The heights to paint at, from ``height`` down to 144, multiples of 8 below the first."""
    steps = [height]
    wanted = height * STEP
    while wanted >= LOWEST:
        steps.append(round(wanted / MULTIPLE) * MULTIPLE)
        wanted *= STEP
    return steps
