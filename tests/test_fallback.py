"""An engine that fails is replaced, one that needs time is waited for while another paints, and memory bounds a batch."""

from __future__ import annotations

import logging
import threading

import pytest
import torch
from engine_parts import Toy, frames, maker
from torch import Tensor

from rtstyle.engines import Engine, batch_for
from rtstyle.engines.fallback import FallbackEngine
from rtstyle.engines.warming import WarmingEngine, is_warming
from rtstyle.webui.studio import TakingTurns


def test_a_failing_engine_is_replaced_and_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    engine = FallbackEngine([maker(Toy(1, name="fast", error=RuntimeError("no compiler\nmore"))), maker(Toy(2, name="plain"))])
    batch = frames()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert torch.equal(engine(batch, torch.zeros(1)), batch + 2)
    assert [record.message for record in caplog.records] == ["engine 'fast' failed (no compiler); going on with 'plain'"]
    assert engine.name == "plain"


def test_the_last_engine_s_error_is_the_caller_s() -> None:
    with pytest.raises(RuntimeError, match="broken"):
        FallbackEngine([maker(Toy(0, error=RuntimeError("broken")))])(frames(), torch.zeros(1))


def test_too_little_memory_makes_batches_smaller(caplog: pytest.LogCaptureFixture) -> None:
    engine = FallbackEngine([maker(Toy(1, most=2))])
    batch, styles = frames(7), torch.arange(7.0)[:, None]
    with caplog.at_level(logging.WARNING):
        painted = [engine(batch, styles) for _ in range(2)]
    expected = batch + 1 + styles.to(torch.uint8)[:, :, None, None]
    assert all(torch.equal(p, expected) for p in painted)
    assert engine.preferred_batch <= 2
    assert len(caplog.records) <= 2


def test_a_batch_is_measured_where_an_engine_can() -> None:
    class Measured(Toy):
        def measure_batch(self, height: int, width: int) -> int:
            if height > 1000:
                raise torch.OutOfMemoryError("out of memory")
            return height // 10

    assert batch_for(Toy(0), 360, 640) == 4
    assert batch_for(FallbackEngine([maker(Toy(0))]), 360, 640) == 4
    assert batch_for(FallbackEngine([maker(Measured(0))]), 360, 640) == 36
    assert batch_for(FallbackEngine([maker(Measured(0))]), 2160, 3840) == 4, "a failed measurement is no failure"
    assert batch_for(TakingTurns(Measured(0), threading.Lock()), 360, 640) == 36
    assert batch_for(TakingTurns(Toy(0), threading.Lock()), 360, 640) == 4


def test_warming_paints_at_once_and_swaps_when_the_faster_is_ready() -> None:
    allowed = threading.Event()
    chosen: list[str] = []

    def make() -> Engine:
        assert allowed.wait(30)
        return Toy(2, name="fast")

    engine, batch = WarmingEngine(Toy(1, name="first", seconds=0.02), make, measured=chosen.append), frames()
    assert torch.equal(engine(batch, torch.zeros(1)), batch + 1)
    assert engine.name == "first"
    allowed.set()
    assert engine.wait(30)
    assert torch.equal(engine(batch, torch.zeros(1)), batch + 2)
    assert (engine.name, chosen) == ("fast", ["fast"])
    other = frames(1, 32, 32)
    assert torch.equal(engine(other, torch.zeros(1)), other + 1)  # a new shape does not wait either
    assert engine.wait(30)
    assert torch.equal(engine(other, torch.zeros(1)), other + 2)


def test_an_engine_that_is_wanted_whatever_it_takes_swaps_in_though_it_is_slower() -> None:
    slow, batch = Toy(2, name="slow", seconds=0.05), frames()
    for whatever, expected in ((False, 1), (True, 2)):
        engine = WarmingEngine(Toy(1), maker(slow), whatever=whatever)
        assert torch.equal(engine(batch, torch.zeros(1)), batch + 1)
        assert engine.wait(30)
        assert torch.equal(engine(batch, torch.zeros(1)), batch + expected)


def test_warming_survives_an_engine_that_cannot_start_or_breaks() -> None:
    def fail() -> Engine:
        raise RuntimeError("no compiler")

    batch = frames()
    never = WarmingEngine(Toy(1), fail)
    for _ in range(2):
        assert torch.equal(never(batch, torch.zeros(1)), batch + 1)
        assert never.wait(30)

    fast = Toy(2)
    breaks = WarmingEngine(Toy(1, seconds=0.02), maker(fast))
    breaks(batch, torch.zeros(1))
    assert breaks.wait(30)
    fast.error = RuntimeError("lost")
    assert torch.equal(breaks(batch, torch.zeros(1)), batch + 1)


class Forgetful(Toy):
    """Keeps one shape; any other waits until ``allowed``, as for a compiler."""

    def __init__(self, add: int) -> None:
        super().__init__(add, name="fast")
        self.allowed = threading.Event()
        self.allowed.set()
        self.kept: tuple[int, ...] = ()

    def __call__(self, frames: Tensor, style: Tensor) -> Tensor:
        if not self.remembers(tuple(frames.shape)):
            self.allowed.wait(5)
            self.kept = tuple(frames.shape)
        return super().__call__(frames, style)

    def remembers(self, shape: tuple[int, ...]) -> bool:
        return self.kept == shape


def test_a_shape_that_was_forgotten_is_warmed_up_again_and_no_frame_waits() -> None:
    fast, style = Forgetful(2), torch.zeros(1)
    engine = WarmingEngine(Toy(1, seconds=0.02), lambda: FallbackEngine([maker(fast)]))
    small, large = frames(1, 32, 32), frames(1, 48, 48)
    for batch in (small, large):
        engine(batch, style)
        assert engine.wait(30)
        assert torch.equal(engine(batch, style), batch + 2)
    fast.allowed.clear()
    assert torch.equal(engine(small, style), small + 1), "the height came back, and the frame does not wait for its engine"
    assert is_warming(engine)
    assert torch.equal(engine(large, style), large + 1), "nor does one of a shape that is ready, while the engine is busy"
    fast.allowed.set()
    assert engine.wait(30)
    assert torch.equal(engine(small, style), small + 2)


def test_a_forgotten_shape_that_cannot_be_made_ready_again_is_left_alone() -> None:
    fast, style, batch = Forgetful(2), torch.zeros(1), frames(1, 32, 32)
    engine = WarmingEngine(Toy(1, seconds=0.02), maker(fast))
    engine(batch, style)
    assert engine.wait(30)
    fast.kept, fast.error = (), RuntimeError("out of memory")
    for _ in range(2):
        assert torch.equal(engine(batch, style), batch + 1)
        assert engine.wait(30)
    fast.error = None
    assert torch.equal(engine(batch, style), batch + 1)
    assert not is_warming(engine)
