"""What a device can do at the most, measured: the roof under which a network runs (Williams et al. 2009)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from rtstyle.bench.cost import Cost
from rtstyle.engines.stages import synchronize
from rtstyle.precision import painting_dtype

MATRIX = {"cuda": 8192}
COPIED_BYTES = {"cuda": 1 << 30}
MATRIX_ELSEWHERE = 1024
COPIED_BYTES_ELSEWHERE = 1 << 26
WARM_UP_SECONDS = {"cuda": 0.5}
"""A GPU at rest has its clocks down."""
TURNS = 10


@dataclass(frozen=True)
class Roof:
    """Of one device, per second."""

    flop: float
    """Of a large matrix product in the fastest dtype that the engines use."""
    bytes: float
    """Read and written by a large copy in the device's memory."""

    def share(self, cost: Cost, fps: float) -> float:
        """Of what the roof allows, what ``fps`` frames per second are: 1 where nothing could be faster."""
        return fps * max(cost.flop / self.flop, cost.bytes / self.bytes)

    def line(self) -> str:
        """For people."""
        return f"measured peaks: {self.flop / 1e12:.1f} TFLOP/s (matrix product), {self.bytes / 1e12:.2f} TB/s (copy)"


def measure_roof(device: torch.device) -> Roof:
    """Time one matrix product and one copy, the best of a few turns.

    Of random numbers: equal ones draw less power, which leaves a GPU more speed than a network gets, and a CPU need not even
    have memory for pages of zeros.
    """
    side = MATRIX.get(device.type, MATRIX_ELSEWHERE)
    count = COPIED_BYTES.get(device.type, COPIED_BYTES_ELSEWHERE)
    a = torch.randn(side, side, device=device, dtype=painting_dtype(device))
    source = torch.empty(count // 8, dtype=torch.int64, device=device).random_()
    target = torch.empty_like(source)
    return Roof(
        flop=2 * side**3 / _best_seconds(lambda: a @ a, device),
        bytes=2 * count / _best_seconds(lambda: target.copy_(source), device),
    )


def _best_seconds(work: Callable[[], object], device: torch.device) -> float:
    warm_at = time.perf_counter() + WARM_UP_SECONDS.get(device.type, 0.0)
    while time.perf_counter() < warm_at:
        work()
        synchronize(device)
    seconds: list[float] = []
    for _ in range(TURNS):
        synchronize(device)
        begun = time.perf_counter()
        work()
        synchronize(device)
        seconds.append(time.perf_counter() - begun)
    return min(seconds)
