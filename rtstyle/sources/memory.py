"""Frames that are in memory already: for tests, benchmarks and callers with arrays of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from types import TracebackType
from typing import Self

from rtstyle.errors import SourceError
from rtstyle.frame import Frame, StreamInfo
from rtstyle.pixels import Pixels


class MemorySource:
    """Yields uint8 (H, W, 3) RGB pictures at a constant rate."""

    def __init__(self, pictures: Sequence[Pixels], *, rate: Fraction = Fraction(30), live: bool = False) -> None:
        if not pictures:
            raise SourceError("no pictures to read: the sequence is empty")
        self.pictures = pictures
        height, width = pictures[0].shape[:2]
        self._info = StreamInfo(
            size=(height, width), time_base=1 / rate, rate=rate, frames=len(pictures), live=live, name="memory"
        )

    @property
    def info(self) -> StreamInfo:
        return replace(self._info)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None

    def __iter__(self) -> Iterator[Frame]:
        for index, picture in enumerate(self.pictures):
            yield Frame(data=picture, pts=index, time_base=self._info.time_base, index=index, duration=1)
