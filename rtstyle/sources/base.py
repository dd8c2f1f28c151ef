"""The contract of a source."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self

from rtstyle.frame import Frame, StreamInfo


class Source(Protocol):
    """A context manager that yields Frames, in order, once.

    Opening happens on entry: ``info`` is valid inside the ``with`` block only. Raises
    :class:`rtstyle.errors.SourceError` where the input cannot be opened or read.
    """

    @property
    def info(self) -> StreamInfo:
        """What is known of the stream."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    def __iter__(self) -> Iterator[Frame]: ...
