"""The one queue between two threads of a pipeline."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Closed(Exception):  # noqa: N818 - like StopIteration, the end and not an error
    """The other side is done, or the run was ended."""


class Channel(Generic[T]):
    """A bounded queue that can be closed.

    With ``newest=True`` a put never waits: it drops what is oldest instead, so the reader gets the newest item there is
    (a camera must not build up delay). ``dropped`` counts what was lost that way.
    """

    def __init__(self, capacity: int, *, newest: bool = False) -> None:
        self._items: deque[T] = deque()
        self._capacity = capacity
        self._newest = newest
        self._changed = threading.Condition()
        self._closed = False
        self.dropped = 0

    def put(self, item: T) -> None:
        """Add an item, waiting for room; raises :class:`Closed` after :meth:`abort` or :meth:`close`."""
        with self._changed:
            while len(self._items) >= self._capacity and not self._closed:
                if self._newest:
                    self._items.popleft()
                    self.dropped += 1
                else:
                    self._changed.wait()
            if self._closed:
                raise Closed
            self._items.append(item)
            self._changed.notify_all()

    def get(self, timeout: float | None = None) -> T:
        """The oldest item, waiting for one; raises :class:`Closed` once the channel is closed and empty.

        Raises :class:`TimeoutError` where ``timeout`` seconds pass without one.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._items or self._closed, timeout):
                raise TimeoutError
            if not self._items:
                raise Closed
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def get_nowait(self) -> T | None:
        """The oldest item, or None where there is none at the moment."""
        with self._changed:
            if not self._items:
                return None
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """No more items will come; those inside can still be read."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def abort(self) -> None:
        """End at once: items inside are lost, everyone waiting is woken."""
        with self._changed:
            self._items.clear()
            self._closed = True
            self._changed.notify_all()
