"""Going on with a simpler engine where the better one fails."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from rtstyle.engines.base import CAPTURING, SURVIVED, Engine, batch_for, out_of_memory
from rtstyle.errors import UsageError

logger = logging.getLogger(__name__)

Maker = Callable[[], Engine]


class FallbackEngine:
    """The first of several engines that works, with smaller batches where memory runs out.

    A failure is reported once, then the next engine (or half the batch) takes over for good. The last engine's errors
    are the caller's.
    """

    def __init__(self, makers: Sequence[Maker]) -> None:
        self._makers = list(makers)
        self._limit: int | None = None
        self._lock = threading.RLock()
        self._engine = self._next(None)

    @property
    def at_work(self) -> Engine:
        """The engine that paints at present."""
        return self._engine

    @property
    def name(self) -> str:
        """The name of the engine at work."""
        return self._engine.name

    @property
    def preferred_batch(self) -> int:
        """The batch of the engine at work, if memory allows it."""
        return min(self._engine.preferred_batch, self._limit or self._engine.preferred_batch)

    def measure_batch(self, height: int, width: int) -> int:
        """:func:`batch_for` of the engine at work; what fails here will fail, and be survived, when painting."""
        try:
            return batch_for(self._engine, height, width)
        except SURVIVED as error:
            logger.info("no batch could be measured: %s", error)
            return self.preferred_batch

    def __call__(self, frames: Tensor, style: Tensor) -> Tensor:
        while True:
            engine, limit = self._engine, self._limit
            try:
                return _in_parts(engine, frames, style, limit or len(frames))
            except SURVIVED as error:
                with self._lock:
                    if self._engine is not engine or self._limit != limit:
                        continue  # another caller has stepped down already
                    if out_of_memory(error) and len(frames) > 1 and limit != 1:
                        self._limit = max(1, (limit or len(frames)) // 2)
                        logger.warning(
                            "not enough memory for %d frames at once; going on with %d", limit or len(frames), self._limit
                        )
                        _release_memory()
                    elif self._makers:
                        self._engine = self._next((engine.name, error))
                    else:
                        raise

    def _next(self, failed: tuple[str, BaseException] | None) -> Engine:
        while True:
            if failed and not self._makers:
                raise failed[1]
            try:
                engine = self._makers.pop(0)()
            except (*SURVIVED, UsageError) as error:
                # A missing package is not worth a word here: nobody asked for this engine by name.
                logger.info("an engine cannot run here: %s", error)
                failed = failed or ("", error)
                continue
            if failed and failed[0]:
                logger.warning("engine '%s' failed (%s); going on with '%s'", failed[0], _first_line(failed[1]), engine.name)
            return engine


def _in_parts(engine: Engine, frames: Tensor, style: Tensor, size: int) -> Tensor:
    if size >= len(frames):
        return engine(frames, style)
    styles = style.expand(len(frames), -1)
    return torch.cat([engine(frames[i : i + size], styles[i : i + size]) for i in range(0, len(frames), size)])


def _release_memory() -> None:
    if torch.cuda.is_available():
        with CAPTURING:
            torch.cuda.empty_cache()


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
