"""A picture as a camera: a slow pan and zoom over it, so that anyone can try without a camera."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from types import TracebackType
from typing import Self

import numpy as np

from rtstyle.frame import Frame, StreamInfo
from rtstyle.pixels import Pixels, Size, resize
from rtstyle.sources.livetime import LIVE_TIME_BASE, LiveTime

DEFAULT_SIZE = 720, 1280
ROUND_SECONDS = 24.0
"""One round of the pan."""
CLOSEST = 0.7
"""Share of the largest window that the closest view shows."""


class StillSource:
    """Moves a window over a picture at ``rate`` frames a second, for ever; every round ends where it began."""

    def __init__(
        self,
        picture: Pixels,
        *,
        size: Size | None = None,
        rate: Fraction = Fraction(30),
        name: str = "still",
        stop: threading.Event | None = None,
    ) -> None:
        """``picture``: uint8 (H, W, 3); ``size`` of the frames, by default the picture's shape within 720 lines."""
        self._picture = picture
        self._size = size or _default_size(picture)
        self._rate = rate
        self._name = name
        self._stop = stop or threading.Event()

    @property
    def info(self) -> StreamInfo:
        return StreamInfo(size=self._size, time_base=LIVE_TIME_BASE, rate=self._rate, live=True, name=self._name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None

    def __iter__(self) -> Iterator[Frame]:
        clock = LiveTime()
        begun = time.monotonic()
        count = 0
        while not self._stop.wait(max(0.0, begun + count / float(self._rate) - time.monotonic())):
            now = time.monotonic()
            count = max(count + 1, math.floor((now - begun) * self._rate))  # a late frame is left out, not caught up
            data = self.view((now - begun) / ROUND_SECONDS)
            yield clock.stamped(Frame(data=data, pts=0, time_base=LIVE_TIME_BASE, index=0), now)

    def view(self, turn: float) -> Pixels:
        """What is seen after ``turn`` rounds, uint8 (H, W, 3)."""
        height, width = self._picture.shape[:2]
        aspect = self._size[1] / self._size[0]
        largest = min(float(width), height * aspect)
        angle = 2 * math.pi * turn
        w = largest * (CLOSEST + (1 - CLOSEST) * (0.5 + 0.5 * math.cos(angle)))
        h = w / aspect
        left = (width - w) * (0.5 + 0.5 * math.sin(angle))
        top = (height - h) * (0.5 + 0.5 * math.sin(2 * angle))
        box = left, top, min(float(width), left + w), min(float(height), top + h)
        return np.ascontiguousarray(resize(self._picture, self._size, box=box))


def _default_size(picture: Pixels) -> Size:
    height, width = picture.shape[:2]
    scale = min(1.0, DEFAULT_SIZE[0] / height, DEFAULT_SIZE[1] / width)
    return max(16, round(height * scale / 2) * 2), max(16, round(width * scale / 2) * 2)
