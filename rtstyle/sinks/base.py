"""The contract of a sink."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from rtstyle.frame import Frame, StreamInfo


class Sink(Protocol):
    """A context manager that takes Frames in order.

    ``open`` comes once, before the first ``write``. Leaving the ``with`` block with an exception must leave nothing
    half-written under the final name. Raises :class:`rtstyle.errors.SinkError` where the output cannot be written.
    """

    name: str
    """For messages and statistics."""
    main_thread: bool
    """Whether it must be driven by the thread that called the pipeline (windows must)."""

    def open(self, info: StreamInfo) -> None: ...

    def write(self, frame: Frame) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


@runtime_checkable
class WindowLike(Protocol):
    """What a sink of the main thread may have besides: its share of time while no frame is there to show."""

    def idle(self) -> None:
        """Answer keys, mouse and redraws; called every few hundredths of a second."""
        ...
