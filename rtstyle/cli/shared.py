"""Options that several commands share, declared once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import torch

    from rtstyle.engines import Work
    from rtstyle.stylizer import Look, Stylizer


class Tier(StrEnum):
    """``auto``: studio where there is an accelerator and the style has it, else live."""

    auto = "auto"
    live = "live"
    studio = "studio"


class EngineName(StrEnum):
    """How the network is run; ``auto`` takes the fastest that this machine has."""

    auto = "auto"
    eager = "eager"
    compiled = "compiled"
    openvino = "openvino"


StyleOption = Annotated[str, typer.Option("--style", "-s", help="A style, a mix (wave:0.7,scream:0.3), a style file, or 'none'.")]
StrengthOption = Annotated[
    float, typer.Option(min=0.0, max=1.5, help="0 leaves the picture, 1 is the style, up to 1.5 overdoes it.")
]
KeepColorsOption = Annotated[bool, typer.Option("--keep-colors", help="Keep the picture's own colours, take only the brushwork.")]
PaintHeightOption = Annotated[
    int | None,
    typer.Option(
        "--paint-height", min=16, help="Paint at this height and bring back the full resolution: broader strokes, faster."
    ),
]
StabilizeOption = Annotated[
    bool,
    typer.Option("--stabilize", help="Steady the painted frames: each keeps some of the one before, moved along with the film."),
]
NoiseOption = Annotated[
    float | None,
    typer.Option(min=0.0, help="Texture networks only: how far to depart from the picture; 0 least, 1 as trained."),
]
TierOption = Annotated[Tier, typer.Option(help="Which network: live is fast, studio is finer.")]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps, ...")]
EngineOption = Annotated[
    EngineName, typer.Option(help="How the network is run; auto measures once which is the fastest here, and remembers it.")
]
WeightsOption = Annotated[Path | None, typer.Option(help="A folder of weights other than the bundled one.")]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")]


def open_device(name: str) -> torch.device:
    """The device by name; raises :class:`UsageError` where it is not there."""
    from rtstyle.devices import resolve_device

    return resolve_device(name)


def open_stylizer(
    style: str,
    *,
    strength: float = 1.0,
    keep_colors: bool = False,
    paint_height: int | None = None,
    noise: float | None = None,
    tier: Tier = Tier.auto,
    device: str = "auto",
    weights: Path | None = None,
    engine: EngineName = EngineName.auto,
    work: Work = "still",
) -> Stylizer:
    """The Stylizer that the shared options describe; ``work`` as for :func:`rtstyle.engines.open_engine`.

    ``noise`` raises :class:`UsageError` for networks that paint without.
    """
    from rtstyle.devices import resolve_tier
    from rtstyle.engines import open_engine
    from rtstyle.styles import StyleBank, StyleMix
    from rtstyle.stylizer import Stylizer

    look = open_look(style, strength=strength, keep_colors=keep_colors, paint_height=paint_height)
    where = open_device(device)
    bank = StyleBank.open(StyleMix.parse(style), tier=resolve_tier(tier.value, look.mix, where, weights), folder=weights)
    if noise is not None:
        bank.set_noise(noise)
    return Stylizer(bank, look, device=where, engine=open_engine(engine.value, bank.network, where, work=work))


def open_look(style: str, *, strength: float = 1.0, keep_colors: bool = False, paint_height: int | None = None) -> Look:
    """The Look that the shared options describe."""
    from rtstyle.styles import StyleMix
    from rtstyle.stylizer import Look

    return Look(mix=StyleMix.parse(style), strength=strength, keep_colors=keep_colors, paint_height=paint_height)
