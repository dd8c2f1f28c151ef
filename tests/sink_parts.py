"""What tests of sinks share: a small live stream."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from live_parts import picture

from rtstyle.frame import Frame, StreamInfo
from rtstyle.sinks.base import Sink

INFO = StreamInfo(size=(48, 64), time_base=Fraction(1, 90000), rate=Fraction(30), live=True, name="test")


def frames(count: int, *, step: int = 3000) -> Iterator[Frame]:
    for index in range(count):
        at = index * step
        yield Frame(data=picture(20 * index % 250), pts=at, time_base=INFO.time_base, index=index, captured_at=at / 90000)


def send(sink: Sink, count: int) -> None:
    sink.open(INFO)
    for frame in frames(count):
        sink.write(frame)
