"""Parts of a batch take turns in slots: here slots on the CPU, which know what may not happen to a real one."""

from __future__ import annotations

from weakref import WeakSet

import pytest
import torch
from torch import Tensor

from rtstyle.engines.parts import PARTS, SHAPES_KEPT, SLOTS, Parts, Shape


class Desk:
    """Makes slots and watches them."""

    def __init__(self, *, memory: int = 1000, fastest: int = 4) -> None:
        self.memory, self.fastest = memory, fastest
        self.made: list[Shape] = []
        self.in_use: WeakSet[Slot] = WeakSet()

    def make(self, shape: Shape) -> Slot:
        if sum(slot.shape[0] for slot in self.in_use) + shape[0] > self.memory:
            raise RuntimeError("CUDA error: out of memory")
        self.made.append(shape)
        return Slot(shape, self)


class Slot:
    """Adds the style's first number, when it is told to finish and not before."""

    def __init__(self, shape: Shape, desk: Desk) -> None:
        self.shape, self.desk = shape, desk
        self.frames: Tensor | None = None
        self.styles = torch.zeros(0)
        self.into: Tensor | None = None
        desk.in_use.add(self)

    def send(self, frames: Tensor, styles: Tensor) -> None:
        assert self.into is None, "what is under way would be overwritten"
        assert len(frames) <= self.shape[0]
        assert frames.shape[1:] == self.shape[1:]
        self.frames, self.styles = frames, styles

    def paint(self) -> None:
        assert self.frames is not None

    def fetch(self, into: Tensor) -> None:
        self.into = into

    def finish(self) -> None:
        if self.into is not None:
            assert self.frames is not None
            self.into.copy_(self.frames + self.styles[:, :1, None, None].to(torch.uint8))
            self.frames = self.into = None

    def seconds(self) -> float:
        size = self.shape[0]
        return size * (1.0 if size == self.desk.fastest else 2.0 - 0.1 * size)


def frames(count: int, height: int = 4) -> tuple[Tensor, Tensor]:
    return torch.randint(0, 100, (count, height, 6, 3), dtype=torch.uint8), torch.arange(2.0 * count).view(count, 2)


def expected(pictures: Tensor, styles: Tensor) -> Tensor:
    return pictures + styles[:, :1, None, None].to(torch.uint8)


@pytest.mark.parametrize("size", [1, 2, 3, 16])
@pytest.mark.parametrize("count", [1, 7, 11])
def test_every_frame_comes_back_whole_and_in_order(size: int, count: int) -> None:
    parts = Parts(Desk().make, (1, 2), size=size)
    pictures, styles = frames(count)
    for _ in range(2):
        assert torch.equal(parts.paint(pictures, styles), expected(pictures, styles))
    laps: list[str] = []
    assert torch.equal(parts.staged(pictures, styles, laps.append), expected(pictures, styles))
    assert laps[:3] == ["upload", "net", "download"]


def test_two_slots_a_shape_and_none_for_a_film_s_short_end() -> None:
    desk = Desk()
    parts = Parts(desk.make, (4,), size=4)
    for count in (12, 7, 3):
        pictures, styles = frames(count)
        assert torch.equal(parts.paint(pictures, styles), expected(pictures, styles))
    assert desk.made == [(4, 4, 6, 3)] * SLOTS
    parts.paint(*frames(1))
    assert desk.made[SLOTS:] == [(1, 4, 6, 3)], "a live frame is not painted at the price of four"


def test_shapes_that_were_not_used_for_long_are_forgotten() -> None:
    desk = Desk()
    parts = Parts(desk.make, (1,), size=1)
    for height in range(4, 4 + SHAPES_KEPT + 2):
        parts.paint(*frames(1, height))
    assert len(desk.in_use) == SHAPES_KEPT
    assert [parts.holds((1, height, 6, 3)) for height in (4, 5, 6)] == [False, False, True]
    parts.paint(*frames(1, 4))
    assert desk.made.count((1, 4, 6, 3)) == 2
    assert parts.holds((1, 4, 6, 3))


@pytest.mark.parametrize("count", [1, 2, 7, 11])
def test_what_is_held_is_painted_without_a_new_slot(count: int) -> None:
    desk = Desk()
    parts = Parts(desk.make, (2,), size=2)
    pictures, styles = frames(count)
    for held in (False, True):
        made = len(desk.made)
        assert parts.holds(tuple(pictures.shape)) is held
        parts.paint(pictures, styles)
        assert (len(desk.made) == made) is held


def test_the_fastest_size_is_kept_and_the_others_are_forgotten() -> None:
    desk = Desk(fastest=4)
    parts = Parts(desk.make, (1, 2, 4, 8), size=1)
    assert parts.measure(4, 6) == PARTS * 4
    assert [slot.shape[0] for slot in desk.in_use] == [4, 4]


def test_every_size_of_picture_keeps_the_parts_that_were_measured_for_it() -> None:
    """Films of several visitors are painted in turns by one engine."""
    desk = Desk(fastest=4)
    parts = Parts(desk.make, (1, 2, 4, 8), size=2)
    assert parts.measure(4, 6) == PARTS * 4
    desk.fastest = 1
    assert parts.measure(5, 6) == PARTS
    made = len(desk.made)
    for count, height in ((4 * PARTS, 4), (PARTS, 5)):
        pictures, styles = frames(count, height)
        assert torch.equal(parts.paint(pictures, styles), expected(pictures, styles))
    assert len(desk.made) == made, "what was measured is what paints"
    assert parts.preferred_batch == PARTS * 2


def test_the_largest_that_fits_the_memory_is_taken() -> None:
    desk = Desk(memory=10, fastest=8)
    parts = Parts(desk.make, (1, 2, 4, 8), size=1)
    assert parts.measure(4, 6) == PARTS * 4
    pictures, styles = frames(9)
    assert torch.equal(parts.paint(pictures, styles), expected(pictures, styles))


def test_other_sizes_make_room_before_painting_fails() -> None:
    desk = Desk(memory=4)
    parts = Parts(desk.make, (1, 2), size=2)
    parts.paint(*frames(4))
    pictures, styles = frames(4, height=5)
    assert torch.equal(parts.paint(pictures, styles), expected(pictures, styles))
    with pytest.raises(RuntimeError, match="out of memory"):
        Parts(Desk(memory=1).make, (2,), size=2).paint(pictures, styles)


def test_smaller_parts_are_painted_where_large_ones_do_not_fit() -> None:
    parts = Parts(Desk(memory=12).make, (16,), size=16)
    pictures, styles = frames(16)
    with pytest.raises(RuntimeError, match="out of memory"):
        parts.paint(pictures, styles)
    assert torch.equal(parts.paint(pictures[:8], styles[:8]), expected(pictures[:8], styles[:8]))
