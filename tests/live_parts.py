"""Parts that the tests of live running share."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from types import TracebackType
from typing import Self

import numpy as np

from rtstyle.frame import Frame, StreamInfo
from rtstyle.nets import build_network
from rtstyle.pixels import Pixels
from rtstyle.sinks.memory import MemorySink
from rtstyle.styles import StyleBank
from rtstyle.stylizer import Stylizer


def picture(value: int, height: int = 48, width: int = 64) -> Pixels:
    """One grey level."""
    return np.full((height, width, 3), value, dtype=np.uint8)


def tiny_stylizer() -> Stylizer:
    """A real network of few parameters with two random styles, ``one`` and ``two``."""
    import torch

    torch.manual_seed(1)
    network = build_network({"arch": "transformer", "stem": "space_to_depth", "width": 4, "blocks": 1, "deep_blocks": 0})
    vectors = {name: torch.cat([torch.randn(network.style_size - 1), torch.ones(1)]) for name in ("one", "two")}
    return Stylizer(StyleBank(network, vectors, tier="live"), "one")


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class NoPainter:
    """Hands frames on unpainted after ``seconds``; tests of the pipeline, not of the network."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    def paint_frames(self, frames: list[Frame]) -> list[Frame]:
        if self.seconds:
            time.sleep(self.seconds)
        return list(frames)


class LiveFrames:
    """``count`` frames as fast as they are taken, or every ``interval`` seconds; None never ends."""

    def __init__(self, count: int | None, *, interval: float = 0.0, size: tuple[int, int] = (48, 64)) -> None:
        self.count = count
        self.interval = interval
        self.size = size
        self.stop = threading.Event()
        rate = Fraction(1 / interval).limit_denominator(1000) if interval else Fraction(30)
        self.info = StreamInfo(size=size, time_base=Fraction(1, 90000), rate=rate, live=True, name="frames")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop.set()

    def __iter__(self) -> Iterator[Frame]:
        data = picture(90, *self.size)
        index = 0
        while self.count is None or index < self.count:
            if self.interval and self.stop.wait(self.interval):
                return
            yield Frame(data=data, pts=index * 3000, time_base=Fraction(1, 90000), index=index, captured_at=time.monotonic())
            index += 1


class Hung(MemorySink):
    """Takes one frame and never comes back, until it is released."""

    name = "hung"

    def __init__(self) -> None:
        super().__init__()
        self.release = threading.Event()

    def write(self, frame: Frame) -> None:
        self.release.wait(30)


class Slow(MemorySink):
    """Takes ``seconds`` a frame, and is worth waiting for."""

    name = "slow"
    live_patience = 10.0

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def write(self, frame: Frame) -> None:
        time.sleep(self.seconds)
        super().write(frame)


class Failing(MemorySink):
    """Fails at its third frame."""

    name = "failing"

    def write(self, frame: Frame) -> None:
        if len(self.frames) == 2:
            raise OSError("disk full")
        super().write(frame)


class Screen(MemorySink):
    """Stands where the window stands: driven by the caller's thread, and idle between frames."""

    name = "screen"
    main_thread = True

    def __init__(self) -> None:
        super().__init__()
        self.idled = 0
        self.threads: set[int] = set()
        self.ages: list[float] = []

    def write(self, frame: Frame) -> None:
        self.threads.add(threading.get_ident())
        if frame.captured_at is not None:
            self.ages.append(time.monotonic() - frame.captured_at)
        self.frames.append(replace(frame, data=frame.data[:1, :1], original=None))

    def idle(self) -> None:
        self.idled += 1
