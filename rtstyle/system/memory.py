"""How the process gets its memory."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Generator
from contextlib import contextmanager

# glibc's malloc.h
M_TRIM_THRESHOLD = -1
M_TOP_PAD = -2
M_MMAP_THRESHOLD = -3
M_MMAP_MAX = -4
M_ARENA_MAX = -8

USUAL_MAPS = 65536
LARGEST_UNMAPPED = 32 << 20
"""Bytes above which glibc always maps, and below which it soon stops to. Once anything is set here, it no longer learns that."""
AHEAD = 256 << 20
"""Bytes that the heap grows by at a time. They count as used only once they are written to."""


class _Heap:
    """Whether it keeps what is freed, and how many of its threads reuse memory at the moment."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.keeps = False
        self.reusing = 0


_heap = _Heap()


def keep_freed_memory() -> bool:
    """Let :func:`reusing_memory` have its effect from now on; returns whether it has.

    This changes the whole process (one heap serves all threads, and does not shrink), so it is for programs to call, at their
    start, and not for a library. Where the C library is not glibc it does nothing.
    """
    wanted = {M_ARENA_MAX: 1, M_MMAP_THRESHOLD: LARGEST_UNMAPPED, M_TOP_PAD: AHEAD, M_TRIM_THRESHOLD: 2**31 - 1}
    _heap.keeps = all(_mallopt(option, value) for option, value in wanted.items())
    return _heap.keeps


@contextmanager
def reusing_memory() -> Generator[None]:
    """Meanwhile, large tensors take the place of large ones that were freed.

    By default glibc maps every large tensor afresh and gives it back when it is freed; a network run layer by layer on large
    frames then spends as long on page faults as on painting. What is freed fits what comes next only roughly, so the process
    holds up to half more than by default. That is for work whose sizes come again and again; work whose sizes do not, such as a
    compiler's, would end with many times as much.
    """
    if not _heap.keeps:
        yield
        return
    with _heap.lock:
        _heap.reusing += 1
        _mallopt(M_MMAP_MAX, 0)
    try:
        yield
    finally:
        with _heap.lock:
            _heap.reusing -= 1
            if not _heap.reusing:
                _mallopt(M_MMAP_MAX, USUAL_MAPS)


def _mallopt(option: int, value: int) -> bool:
    try:
        return bool(ctypes.CDLL(None).mallopt(option, value))
    except (AttributeError, OSError, TypeError):  # another C library; on Windows there is no CDLL(None)
        return False
