"""Takes everything and keeps nothing: for benchmarks and dry runs."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rtstyle.frame import Frame, StreamInfo


class NullSink:
    """Counts the frames in ``count``."""

    name = "null"
    main_thread = False

    def __init__(self) -> None:
        self.count = 0

    def open(self, info: StreamInfo) -> None:
        self.count = 0

    def write(self, frame: Frame) -> None:
        self.count += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None
