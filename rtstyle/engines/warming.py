"""Painting at once with one engine while a faster one gets ready."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import torch
from torch import Tensor

from rtstyle.engines.base import SURVIVED, Engine, Forgets, at_work
from rtstyle.errors import RTStyleError
from rtstyle.system.background import BackgroundThread

logger = logging.getLogger(__name__)

Shape = tuple[int, ...]
TRIALS = 3


class WarmingEngine:
    """Paints with ``first``; for each frame shape it meets, ``make_faster`` is warmed up in the background and takes over.

    It takes over only for shapes it has painted already, so no frame ever waits for a compiler, and only where it
    was measured to be faster, unless it is wanted ``whatever`` it takes. An engine that keeps so many shapes and no
    more is warmed up again for one that it has forgotten. Safe to call from several threads.
    """

    def __init__(
        self,
        first: Engine,
        make_faster: Callable[[], Engine],
        *,
        measured: Callable[[str], None] | None = None,
        whatever: bool = False,
    ) -> None:
        """``measured`` is told the name of the engine that was found to be the faster of the two."""
        self._first = first
        self._make = make_faster
        self._measured = measured
        self._whatever = whatever
        self._faster: Engine | None = None
        self._ready: set[Shape] = set()
        self._tried: set[Shape] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._compiling = False
        """Whether the faster engine meets a shape at the moment: whoever called it now would wait until that is done."""

    @property
    def at_work(self) -> Engine:
        """The engine that paints, or paints most of the shapes seen, by now."""
        return self._faster if self._faster and self._ready else self._first

    @property
    def name(self) -> str:
        """The name of the engine at work."""
        return self.at_work.name

    @property
    def preferred_batch(self) -> int:
        """As the first engine's: what is shown live is painted frame by frame."""
        return self._first.preferred_batch

    @property
    def warming(self) -> bool:
        """Whether the faster engine is being made ready for a shape at the moment."""
        return self._thread is not None and self._thread.is_alive()

    def __call__(self, frames: Tensor, style: Tensor) -> Tensor:
        shape = tuple(frames.shape)
        faster = self._faster
        if faster is not None and shape in self._ready and not self._compiling and _remembers(faster, shape):
            try:
                return faster(frames, style)
            except SURVIVED as error:
                self._ready.discard(shape)
                logger.warning("engine '%s' failed (%s); going on with '%s'", faster.name, error, self._first.name)
        self._warm(shape, style.shape)
        return self._first(frames, style)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is being warmed up; False where ``timeout`` seconds did not suffice."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return thread is None or not thread.is_alive()

    def _warm(self, shape: Shape, style_shape: Shape) -> None:
        with self._lock:
            settled = shape in self._tried and shape not in self._ready
            if settled or self.warming:
                return
            self._tried.add(shape)
            self._compiling = True
            self._thread = BackgroundThread(lambda: self._prepare(shape, style_shape), name="warm engine")
            self._thread.start()

    def _prepare(self, shape: Shape, style_shape: Shape) -> None:
        try:
            faster = self._faster or self._make()
            frames, style = torch.zeros(shape, dtype=torch.uint8), torch.zeros(style_shape)
            faster(frames, style)
            self._compiling = False
            if self._whatever:
                self._faster = faster
                self._ready.add(shape)
            if shape in self._ready:  # it was measured before it was forgotten
                return
            before, after = best_seconds(self._first, frames, style), best_seconds(faster, frames, style)
        except (*SURVIVED, RTStyleError) as error:
            logger.info("no faster engine than '%s': %s", self._first.name, error)
            self._ready.discard(shape)
            return
        finally:
            self._compiling = False
        self._faster = faster
        if after < before:
            self._ready.add(shape)
        if self._measured is not None:
            self._measured(faster.name if after < before else self._first.name)


def is_warming(engine: Engine) -> bool:
    """Whether ``engine`` stands in for a faster one that is being made ready."""
    return isinstance(engine, WarmingEngine) and engine.warming


def _remembers(engine: Engine, shape: Shape) -> bool:
    """Whether ``engine`` paints this shape at once; asked of those that can say so, since the others forget none."""
    working = at_work(engine)
    return not isinstance(working, Forgets) or working.remembers(shape)


def best_seconds(engine: Engine, frames: Tensor, style: Tensor, trials: int = TRIALS) -> float:
    """The shortest of a few calls, in seconds a frame: the least disturbed by what else runs."""
    seconds: list[float] = []
    for _ in range(trials):
        begun = time.perf_counter()
        engine(frames, style)
        seconds.append(time.perf_counter() - begun)
    return min(seconds) / len(frames)
