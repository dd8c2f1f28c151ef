"""Timing in turns: cases run one after the other, again and again, in one process.

Whatever else the machine does falls on all cases alike. Every case runs once before anything is timed; in each turn it runs
twice, as a film or a camera would have it run on and on, and the second time counts. The median and the 95th percentile of
the turns are reported.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rtstyle.engines.stages import STAGES
from rtstyle.stats import percentile

REFERENCE = "reference"
"""The case that the others are compared to."""
TURNS = 15
SECONDS = 20.0
"""No more turns are begun for a size after this time; at least three are."""
LEAST_TURNS = 3


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Of many measurements, in milliseconds a frame."""

    median_ms: float
    p95_ms: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Spread:
        """Of at least one measurement."""
        ordered = sorted(seconds)
        return cls(median_ms=percentile(ordered, 0.5) * 1e3, p95_ms=percentile(ordered, 0.95) * 1e3)


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One case: milliseconds a frame."""

    case: str
    size: str
    batch: int
    median_ms: float
    p95_ms: float
    turns: int
    times_reference: float | None = None
    """How many of its frames fit into one of the reference's."""
    stages: dict[str, Spread] = field(default_factory=dict)
    """Upload, net and download by themselves, where there is a bus."""

    @property
    def fps(self) -> float:
        """Frames per second at the median."""
        return 1000.0 / self.median_ms

    @property
    def net_fps(self) -> float:
        """The same of the network alone: frames that are on the device already."""
        return 1000.0 / self.stages["net"].median_ms if self.stages else self.fps


@dataclass(frozen=True)
class Case:
    """Something to time: ``run`` paints ``batch`` frames."""

    name: Callable[[], str]
    """Asked when all is timed: where an engine fails on the way, another one paints."""
    batch: int
    run: Callable[[], object]
    staged: Callable[[], dict[str, float]] | None = None
    """Paints them stage by stage; the seconds of each."""


def take_turns(size: str, cases: Sequence[Case], turns: int) -> list[Timing]:
    """Time the cases one after the other, again and again; where the reference is among them, the others are
    compared to it."""
    seconds: list[list[float]] = [[] for _ in cases]
    stages: list[dict[str, list[float]]] = [{} for _ in cases]
    for case in cases:
        case.run()
    begun = time.perf_counter()
    for turn in range(turns):
        if turn >= LEAST_TURNS and time.perf_counter() - begun > SECONDS:
            break
        for case, taken, by_stage in zip(cases, seconds, stages, strict=True):
            # Untimed: it finds the caches full of another case's data, and on a CPU another library's threads still spinning.
            case.run()
            start = time.perf_counter()
            case.run()
            taken.append((time.perf_counter() - start) / case.batch)
            for stage, spent in case.staged().items() if case.staged else ():
                by_stage.setdefault(stage, []).append(spent / case.batch)
    timings: list[Timing] = []
    reference: float | None = None
    for case, taken, by_stage in zip(cases, seconds, stages, strict=True):
        name, spread = case.name(), Spread.of(taken)
        if name == REFERENCE:
            reference = spread.median_ms
        timings.append(
            Timing(
                case=name,
                size=size,
                batch=case.batch,
                median_ms=spread.median_ms,
                p95_ms=spread.p95_ms,
                turns=len(taken),
                times_reference=reference / spread.median_ms if reference else None,
                stages={stage: Spread.of(spent) for stage, spent in by_stage.items()},
            )
        )
    return timings


def table(timings: Sequence[Timing]) -> str:
    """The timings for people."""
    lines = [f"{'size':<6} {'case':<10} {'batch':>5} {'ms/frame':>9} {'p95':>8} {'frames/s':>9}  x reference"]
    for t in timings:
        times = f"{t.times_reference:.1f}" if t.times_reference else ""
        parts = ", ".join(f"{stage} {t.stages[stage].median_ms:.3f}" for stage in STAGES if stage in t.stages)
        case = f"{t.size:<6} {t.case:<10} {t.batch:>5}"
        lines.append(f"{case} {t.median_ms:>9.2f} {t.p95_ms:>8.2f} {t.fps:>9.1f}  {times:<11} {parts}".rstrip())
    return "\n".join(lines)


def as_data(timings: Sequence[Timing]) -> list[dict[str, Any]]:
    """The timings for programs."""
    return [{**asdict(t), "fps": t.fps} for t in timings]
