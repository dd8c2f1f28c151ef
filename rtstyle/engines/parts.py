"""A batch in parts that take turns: while one is painted, the next is sent and the one before comes back.

What a part runs on, a *slot*, is the engine's; here is which slot takes what, how large parts are, and what is forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor

from rtstyle.engines.base import out_of_memory
from rtstyle.engines.stages import Lap

Shape = tuple[int, ...]

SHAPES_KEPT = 4
"""Shapes whose slots are kept, the latest used: each holds the memory of a forward pass and locked memory of the host."""
SLOTS = 2
PARTS = 4
"""Parts of a preferred batch: with four of them three quarters of the copying is hidden."""
WORTHWHILE = 0.97
"""A larger part must take less than this share of the time a frame to be worth its memory and latency."""


class Slot(Protocol):
    """Paints up to ``shape[0]`` frames at a time."""

    def send(self, frames: Tensor, styles: Tensor) -> None:
        """Begin to bring uint8 (k, H, W, 3) and styles (k, D) to the device."""
        ...

    def paint(self) -> None:
        """Paint them as soon as they are there."""
        ...

    def fetch(self, into: Tensor) -> None:
        """Begin to bring the result back as soon as it is painted; it is meant for ``into``."""
        ...

    def finish(self) -> None:
        """Wait for what was begun, if anything was, and write it where it is meant for."""
        ...

    def seconds(self) -> float:
        """What painting alone takes."""
        ...


class Parts:
    """Paints batches of any length through slots of a few shapes. Not safe for several threads."""

    def __init__(self, make: Callable[[Shape], Slot], sizes: Sequence[int], *, size: int) -> None:
        """``sizes``: the frames of a part, ascending, among which :meth:`measure` chooses; ``size`` where it has not."""
        self._make = make
        self._sizes = sizes
        self.size = size
        """The frames of a part for pictures that were not measured."""
        self._measured: dict[tuple[int, int], int] = {}
        """The frames of a part by the picture's height and width."""
        self._slots: OrderedDict[Shape, list[Slot]] = OrderedDict()

    @property
    def preferred_batch(self) -> int:
        """Frames that keep both ways and the device busy, for pictures that were not measured."""
        return PARTS * self.size

    def paint(self, frames: Tensor, styles: Tensor) -> Tensor:
        """uint8 (N, H, W, 3) and styles (N, D) -> uint8 (N, H, W, 3)."""
        painted = torch.empty_like(frames)
        used: list[Slot] = []
        for part, slot in self._turns(frames, SLOTS):
            slot.finish()
            slot.send(frames[part], styles[part])
            slot.paint()
            slot.fetch(painted[part])
            used.append(slot)
        for slot in used:
            slot.finish()
        return painted

    def holds(self, batch: Shape) -> bool:
        """Whether frames of this shape (N, H, W, 3) are painted without a slot being made; any thread may ask."""
        return all(len(self._slots.get(shape, ())) > turn for _, shape, turn in self._places(batch, SLOTS))

    def staged(self, frames: Tensor, styles: Tensor, lap: Lap) -> Tensor:
        """The same, one stage after the other."""
        painted = torch.empty_like(frames)
        for part, slot in self._turns(frames, 1):
            slot.finish()
            slot.send(frames[part], styles[part])
            lap("upload")
            slot.paint()
            lap("net")
            slot.fetch(painted[part])
            slot.finish()
            lap("download")
        return painted

    def measure(self, height: int, width: int) -> int:
        """Choose the fastest part that fits the memory, for frames of this size; returns the batch that is worth a call."""
        best, best_seconds = self._sizes[0], float("inf")
        for size in self._sizes:
            shape = (size, height, width, 3)
            try:
                seconds = self._seconds(shape) / size
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
                self._forget(shape)
                break
            if seconds > WORTHWHILE * best_seconds:
                self._forget(shape)
                break
            if size != best:
                self._forget((best, height, width, 3))
            best, best_seconds = size, seconds
        self._measured[height, width] = best
        return PARTS * best

    def _seconds(self, shape: Shape) -> float:
        # Both slots, or the memory that painting takes would be counted by half.
        slots = [self._slot(shape, turn) for turn in range(SLOTS)]
        return slots[0].seconds()

    def _turns(self, frames: Tensor, slots: int) -> Iterator[tuple[slice, Slot]]:
        """The parts of a batch, each with the slot whose turn it is, one of ``slots``."""
        for part, shape, turn in self._places(frames.shape, slots):
            yield part, self._slot(shape, turn)

    def _places(self, batch: Shape, slots: int) -> Iterator[tuple[slice, Shape, int]]:
        """The parts of a batch, each with the shape of its slot and which of ``slots`` it is."""
        count, *picture = batch
        size = min(self._measured.get((picture[0], picture[1]), self.size), count)
        for turn, first in enumerate(range(0, count, size)):
            part = slice(first, min(first + size, count))
            yield part, (self._room(part.stop - first, picture, alone=count == 1), *picture), turn % slots

    def _room(self, count: int, picture: Sequence[int], *, alone: bool) -> int:
        """Of which length a slot takes ``count`` frames."""
        if alone:  # a live frame, and others like it are to come
            return count
        # A film's short end is not worth slots of its own.
        there = [shape[0] for shape in tuple(self._slots) if shape[1:] == (*picture,) and shape[0] >= count]
        return min(there, default=count)

    def _slot(self, shape: Shape, turn: int) -> Slot:
        slots = self._slots.setdefault(shape, [])
        self._slots.move_to_end(shape)
        while len(self._slots) > SHAPES_KEPT:
            self._forget(next(iter(self._slots)))
        while len(slots) <= turn:
            try:
                slots.append(self._make(shape))
            except RuntimeError as error:
                others = [other for other in self._slots if other != shape]
                if not (others and out_of_memory(error)):
                    if not slots:  # smaller parts would be sent here, to fail again
                        self._forget(shape)
                    raise
                for other in others:
                    self._forget(other)
        return slots[turn]

    def _forget(self, shape: Shape) -> None:
        for slot in self._slots.pop(shape, []):
            slot.finish()
