"""What ``rtstyle bench`` tells: the network at several sizes, and a film's and a camera's whole path where they are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from rtstyle.bench.cost import cost
from rtstyle.bench.network import bench_network
from rtstyle.bench.reference import ReferenceEngine
from rtstyle.bench.timing import REFERENCE, TURNS, as_data, table
from rtstyle.engines import open_engine
from rtstyle.pixels import Size
from rtstyle.styles import StyleBank


@dataclass
class Report:
    """The same figures twice."""

    data: dict[str, Any]
    """For programs."""
    lines: list[str]
    """For people."""


def measure(
    bank: StyleBank,
    engine_names: Sequence[str],
    sizes: Mapping[str, Size],
    device: torch.device,
    *,
    baseline: bool = False,
    film: Path | None = None,
    live_seconds: float | None = None,
    turns: int = TURNS,
) -> Report:
    """Time ``bank``'s network with every engine at every size.

    ``baseline`` times the reference in turns with them; ``film`` is also painted from file to file by the last engine;
    ``live_seconds``: for how long a paced source is painted live.
    """
    engines = [open_engine(name, bank.network, device, work="film") for name in engine_names]
    engines = list({one.name: one for one in engines}.values())
    style = bank.vectors[bank.names[0]]
    timings = bench_network(engines, style, sizes, reference=ReferenceEngine(device) if baseline else None, turns=turns)
    costs = {name: cost(bank.network, *size) for name, size in sizes.items()}
    fastest = {name: max(t.fps for t in timings if t.size == name and t.case != REFERENCE) for name in sizes}
    report = Report(
        {
            "tier": bank.tier,
            "style": bank.names[0],
            "network": as_data(timings),
            "cost": {name: {"flop": it.flop, "bytes": it.bytes} for name, it in costs.items()},
        },
        [
            f"tier {bank.tier}, {bank.names[0]}",
            table(timings),
            *(f"{name}: {it.line(fastest[name])}" for name, it in costs.items()),
        ],
    )
    # The network's benchmark needs neither av nor cv2.
    if film is not None:
        from rtstyle.bench.film import film_line, time_film
        from rtstyle.bench.stages import stages_table, time_stages

        report.data["film"] = painted = time_film(film, bank, engines[-1])
        stages = time_stages(film, engines, style, sizes)
        report.data["stages"] = [asdict(it) for it in stages]
        report.lines.append(f"{film}: {film_line(painted)}")
        report.lines += ["each stage by itself, milliseconds a frame, median / p95:", stages_table(stages)]
    if live_seconds is not None:
        from rtstyle.bench.live import live_line, time_live

        shown = time_live(live_seconds, bank, open_engine(engine_names[-1], bank.network, device, work="live"))
        report.data["live"] = shown
        report.lines.append(live_line(shown))
    return report
