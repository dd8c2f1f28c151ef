"""``rtstyle styles``: what is bundled."""

from __future__ import annotations

import typer

from rtstyle.cli.shared import WeightsOption


def styles(weights: WeightsOption = None) -> None:
    """List the bundled styles."""
    from rtstyle.weightfiles import read_manifest, weights_folder

    manifest = read_manifest(weights or weights_folder())
    tiers: dict[str, list[str]] = {}
    about: dict[str, dict[str, str]] = {}
    for tier, table in manifest["tiers"].items():
        for name, style in table["styles"].items():
            tiers.setdefault(name, []).append(tier)
            about[name] = style
    width = max((len(name) for name in about), default=0)
    for name, style in about.items():
        said = ", ".join(filter(None, (style.get(key) for key in ("title", "artist", "year"))))
        typer.echo(f"{name:<{width}}  {said}  [{', '.join(tiers[name])}]")
