"""Keeps what it is given."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rtstyle.frame import Frame, StreamInfo


class MemorySink:
    """Collects the frames in ``frames``; ``info`` is what it was opened with."""

    name = "memory"
    main_thread = False

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.info: StreamInfo | None = None

    def open(self, info: StreamInfo) -> None:
        self.info = info

    def write(self, frame: Frame) -> None:
        self.frames.append(frame)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None
