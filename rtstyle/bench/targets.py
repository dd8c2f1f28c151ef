"""What a GPU is to reach, beside what it does: one network after the other at 1920x1080, frames on the device already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from rtstyle.bench.cost import cost
from rtstyle.bench.network import SIZES, bank_to_time, bench_network
from rtstyle.bench.reference import ReferenceEngine
from rtstyle.bench.roofline import Roof, measure_roof
from rtstyle.bench.timing import TURNS, Timing, table
from rtstyle.engines import open_engine
from rtstyle.pixels import Size
from rtstyle.styles import StyleBank

FPS = {"live": 1500.0, "studio": 350.0}
"""Frames per second of each tier on one H200."""
TIMES_REFERENCE = 10.0
ROOF_SHARE = 0.5
ENGINES = ("auto", "compiled")
SIZE = "1080p"


@dataclass(frozen=True, kw_only=True)
class Target:
    """One thing to reach."""

    what: str
    wanted: float
    reached: float

    @property
    def met(self) -> bool:
        """Whether it is reached."""
        return self.reached >= self.wanted

    def line(self) -> str:
        """For people."""
        return f"{'met   ' if self.met else 'MISSED'} {self.what}: {self.reached:.2f} (target {self.wanted:g})"


@dataclass(frozen=True, kw_only=True)
class TierReport:
    """What was measured of one tier."""

    tier: str
    style: str
    timings: list[Timing]
    roof: Roof
    targets: list[Target]
    costs: str

    def lines(self) -> list[str]:
        """For people."""
        return [f"tier {self.tier}, {self.style}", table(self.timings), self.costs, *(target.line() for target in self.targets)]


def check_targets(
    device: torch.device,
    folder: Path | None = None,
    *,
    size: Size = SIZES[SIZE],
    engines: Sequence[str] = ENGINES,
    turns: int = TURNS,
) -> list[TierReport]:
    """Time both tiers and the reference in turns on ``device``; a tier that is not bundled has random weights."""
    roof = measure_roof(device)
    return [_check_tier(bank_to_time(tier, folder), device, size, engines, turns, roof) for tier in FPS]


def _check_tier(bank: StyleBank, device: torch.device, size: Size, engines: Sequence[str], turns: int, roof: Roof) -> TierReport:
    tier = bank.tier
    opened = [open_engine(name, bank.network, device, work="film") for name in engines]
    style = bank.vectors[bank.names[0]]
    timings = bench_network(opened, style, {SIZE: size}, reference=ReferenceEngine(device), turns=turns)
    reference, *ours = timings
    best = max(ours, key=lambda timing: timing.net_fps)
    counted = cost(bank.network, *size)
    return TierReport(
        tier=tier,
        style=bank.names[0],
        timings=timings,
        roof=roof,
        costs=f"{best.case}, batch {best.batch}: {counted.line(best.net_fps)}; {roof.line()}",
        targets=[
            Target(what=f"{tier}: frames/s, network alone", wanted=FPS[tier], reached=best.net_fps),
            Target(what=f"{tier}: times the reference", wanted=TIMES_REFERENCE, reached=best.net_fps / reference.net_fps),
            Target(what=f"{tier}: share of the roofline", wanted=ROOF_SHARE, reached=roof.share(counted, best.net_fps)),
        ],
    )
