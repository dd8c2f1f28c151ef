"""``rtstyle image``: stills."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rtstyle.cli.shared import (
    DeviceOption,
    KeepColorsOption,
    NoiseOption,
    OverwriteOption,
    PaintHeightOption,
    StrengthOption,
    StyleOption,
    Tier,
    TierOption,
    WeightsOption,
    open_stylizer,
)


def image(
    paths: Annotated[list[Path], typer.Argument(metavar="IN... OUT", help="Pictures, then a file or folder to write to.")],
    style: StyleOption = "wave",
    strength: StrengthOption = 1.0,
    keep_colors: KeepColorsOption = False,
    paint_height: PaintHeightOption = None,
    noise: NoiseOption = None,
    tier: TierOption = Tier.auto,
    device: DeviceOption = "auto",
    weights: WeightsOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Paint still pictures (JPEG, PNG, WebP, TIFF). --style wave,scream makes one picture of each style."""
    from rtstyle.errors import UsageError
    from rtstyle.stills import paint_stills, plan_stills
    from rtstyle.styles import StyleMix

    if len(paths) < 2:
        raise UsageError("give at least one picture and then the file or folder to write to")
    mixes = StyleMix.parse_list(style)
    jobs = plan_stills(paths[:-1], paths[-1], mixes, overwrite=overwrite)
    names = ",".join(dict.fromkeys(name for mix in mixes for name, _ in mix.parts))
    stylizer = open_stylizer(
        names,
        strength=strength,
        keep_colors=keep_colors,
        paint_height=paint_height,
        noise=noise,
        tier=tier,
        device=device,
        weights=weights,
    )
    for mix in mixes:
        stylizer.bank.vector(mix)  # an unknown name is refused before anything is painted
    failed = 0
    for (path, _, out), error in paint_stills(jobs, stylizer):
        if error is None:
            typer.echo(f"{path} -> {out}")
        else:
            failed += 1
            typer.echo(f"rtstyle: {path}: {error}", err=True)
    if failed:
        raise typer.Exit(1)
