"""Where the time of a call goes: the way to the device, the network, the way back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from rtstyle.engines.base import Engine, at_work

STAGES = ("upload", "net", "download")
Lap = Callable[[str], None]
"""Called with the name of a stage when all of it has been handed to the device."""


@runtime_checkable
class Staged(Protocol):
    """An engine with a bus between it and the caller."""

    device: torch.device

    def staged(self, frames: Tensor, style: Tensor, lap: Lap) -> Tensor:
        """Paint as a call does, but one stage after the other, with a ``lap`` at the end of each."""
        ...


class Stopwatch:
    """Seconds by stage. It waits for the device before it looks at the clock."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds: dict[str, float] = dict.fromkeys(STAGES, 0.0)
        self._at = self._now()

    def lap(self, stage: str) -> None:
        """What happened since the last lap was ``stage``."""
        now = self._now()
        self.seconds[stage] += now - self._at
        self._at = now

    def _now(self) -> float:
        synchronize(self.device)
        return time.perf_counter()


def synchronize(device: torch.device) -> None:
    """Wait until ``device`` has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def stage_seconds(engine: Engine, frames: Tensor, style: Tensor) -> tuple[Tensor, dict[str, float]]:
    """One call: what it painted, and its seconds by stage. An engine without a bus spends all of them in the network."""
    working = at_work(engine)
    if isinstance(working, Staged):
        watch = Stopwatch(working.device)
        return working.staged(frames, style, watch.lap), watch.seconds
    watch = Stopwatch(torch.device("cpu"))
    painted = engine(frames, style)
    watch.lap("net")
    return painted, watch.seconds


def has_bus(engine: Engine) -> bool:
    """Whether frames travel to another device."""
    working = at_work(engine)
    return isinstance(working, Staged) and working.device.type != "cpu"
