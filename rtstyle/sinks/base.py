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

    def open(self, info: StreamInfo) -> None:
        """Get ready for frames of ``info.size``, which comes before the first of them."""
        ...

    def write(self, frame: Frame) -> None:
        """Take the next frame, uint8 (H, W, 3); its ``pts`` is above that of the frame before."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


@runtime_checkable
class Queued(Protocol):
    """What a sink may have besides: room for more than the newest frame of a live run."""

    live_queue: int
    """How many painted frames may wait for it."""


@runtime_checkable
class Patient(Protocol):
    """What a sink may have besides: an end that takes its time, also in a live run."""

    @property
    def live_patience(self) -> float:
        """Seconds that the end of a run waits for it, beyond what every stage is given."""
        ...


@runtime_checkable
class OnRequest(Protocol):
    """What a sink may have besides: it may write only what somebody at the window asks for."""

    @property
    def on_request(self) -> bool:
        """Whether it does so now: no live run goes on for it alone."""
        ...


@runtime_checkable
class WindowLike(Protocol):
    """What a sink of the main thread may have besides: its share of time while no frame is there to show."""

    def idle(self) -> None:
        """Answer keys, mouse and redraws; called every few hundredths of a second."""
        ...
