"""``rtstyle bench``: how fast it is on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtstyle.cli.shared import DeviceOption, EngineName, Tier, TierOption, WeightsOption, open_device
from rtstyle.system.memory import keep_freed_memory

if TYPE_CHECKING:
    import torch


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
        Path | None,
        typer.Option(
            "--end-to-end",
            metavar="FILM",
            help="Also paint this film from file to file, and time each stage by itself at every size: "
            "decode, convert, upload, net, download, encode.",
        ),
    ] = None,
    live: Annotated[
        float | None,
        typer.Option(min=1.0, metavar="SECONDS", help="Also paint a paced 30 fps source: how old frames are when displayed."),
    ] = None,
    targets: Annotated[
        bool,
        typer.Option("--targets", help="Only set what a GPU reaches at 1920x1080 beside what it is to reach (on one H200)."),
    ] = False,
    turns: Annotated[int, typer.Option(min=3, help="Times that each case is run.")] = 15,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    device: DeviceOption = "auto",
    weights: WeightsOption = None,
) -> None:
    """Time the network at several sizes, and a film from file to file. Give the machine nothing else to do meanwhile."""
    keep_freed_memory()
    import json

    from rtstyle.bench.network import bank_to_time, parse_sizes
    from rtstyle.bench.report import measure
    from rtstyle.devices import resolve_tier
    from rtstyle.styles import NONE, StyleMix

    chosen = parse_sizes(sizes)
    where = open_device(device)
    if targets:
        typer.echo(_targets(where, weights, turns, as_json=json_output))
        return
    if end_to_end is not None:
        from rtstyle.sources.video import probe

        probe(end_to_end)  # what is no film is refused now, not after minutes
    bank = bank_to_time(resolve_tier(tier.value, StyleMix.parse(NONE), where, weights), weights)
    report = measure(
        bank,
        [name.value for name in engine or (EngineName.eager, EngineName.auto)],
        chosen,
        where,
        baseline=baseline,
        film=end_to_end,
        live_seconds=live,
        turns=turns,
    )
    typer.echo(json.dumps(report.data, indent=1) if json_output else "\n".join(report.lines))


def _targets(device: torch.device, weights: Path | None, turns: int, *, as_json: bool) -> str:
    import json
    from dataclasses import asdict

    from rtstyle.bench.targets import check_targets
    from rtstyle.errors import UsageError

    if device.type != "cuda":
        raise UsageError(f"--targets are those of a GPU, and the device is {device}; leave it out, or use --device cuda")
    import torch

    name = torch.cuda.get_device_name(device)
    reports = check_targets(device, weights, turns=turns)
    if as_json:
        return json.dumps({"device": name, "tiers": [asdict(report) for report in reports]}, indent=1)
    return "\n".join([name, *(line for report in reports for line in report.lines())])
