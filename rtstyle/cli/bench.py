"""``rtstyle bench``: how fast it is on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rtstyle.cli.shared import DeviceOption, EngineName, Tier, TierOption, WeightsOption, open_device


def bench(
    sizes: Annotated[str, typer.Option(help="Of 360p, 720p, 1080p and 4k.")] = "360p,720p",
    engine: Annotated[
        list[EngineName] | None, typer.Option(help="May be given several times; by default eager and what auto takes for films.")
    ] = None,
    tier: TierOption = Tier.live,
    baseline: Annotated[
        bool, typer.Option("--baseline", help="Also time the reference (Johnson, width 32, float32, eager) in turns with ours.")
    ] = False,
    end_to_end: Annotated[
        Path | None, typer.Option("--end-to-end", metavar="FILM", help="Also paint this film, per stage.")
    ] = None,
    live: Annotated[
        float | None,
        typer.Option(min=1.0, metavar="SECONDS", help="Also paint a paced 30 fps source: how old frames are when displayed."),
    ] = None,
    turns: Annotated[int, typer.Option(min=3, help="Times that each case is run.")] = 15,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    device: DeviceOption = "auto",
    weights: WeightsOption = None,
) -> None:
    """Time the network at several sizes, and a film from file to file. Give the machine nothing else to do meanwhile."""
    import json

    from rtstyle.bench import as_data, bank_to_time, bench_network, parse_sizes, reference_runner, table
    from rtstyle.cost import cost
    from rtstyle.devices import resolve_tier
    from rtstyle.engines import open_engine
    from rtstyle.styles import NONE, StyleMix

    chosen = parse_sizes(sizes)
    where = open_device(device)
    bank = bank_to_time(resolve_tier(tier.value, StyleMix.parse(NONE), where, weights), weights)
    names = [name.value for name in engine or (EngineName.eager, EngineName.auto)]
    engines = [open_engine(name, bank.network, where, work="film") for name in names]
    engines = list({one.name: one for one in engines}.values())
    style = bank.vectors[bank.names[0]]
    timings = bench_network(engines, style, chosen, reference=reference_runner(where) if baseline else None, turns=turns)
    costs = {name: cost(bank.network, *size) for name, size in chosen.items()}
    report: dict[str, object] = {
        "tier": bank.tier,
        "style": bank.names[0],
        "network": as_data(timings),
        "cost": {name: {"flop": it.flop, "bytes": it.bytes} for name, it in costs.items()},
    }
    lines = [f"tier {bank.tier}, {bank.names[0]}", table(timings)]
    fastest = {name: max(t.fps for t in timings if t.size == name and t.case != "reference") for name in chosen}
    lines += [f"{name}: {it.line(fastest[name])}" for name, it in costs.items()]
    if end_to_end is not None:
        from rtstyle.video.timing import film_line, time_film

        report["film"] = film = time_film(end_to_end, bank, engines[-1])
        lines.append(f"{end_to_end}: {film_line(film)}")
    if live is not None:
        from rtstyle.live.timing import live_line, time_live

        report["live"] = shown = time_live(live, bank, open_engine(names[-1], bank.network, where, work="live"))
        lines.append(live_line(shown))
    typer.echo(json.dumps(report, indent=1) if json_output else "\n".join(lines))
