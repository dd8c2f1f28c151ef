"""The network alone, at several sizes, beside the reference.

The engines copy their result to the CPU, so a GPU has finished when a call returns. There, a third call in each turn does one
stage after the other, the device waited for at the end of each: upload, network, download. Needs neither av nor cv2 nor gradio.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from rtstyle.bench.timing import TURNS, Case, Timing, take_turns
from rtstyle.engines.base import Engine, batch_for
from rtstyle.engines.stages import has_bus, stage_seconds
from rtstyle.errors import UsageError
from rtstyle.nets.transformer import NetConfig, TransformerNet
from rtstyle.pixels import Size
from rtstyle.styles import StyleBank, read_manifest, weights_folder

SIZES: dict[str, Size] = {"360p": (360, 640), "720p": (720, 1280), "1080p": (1080, 1920), "4k": (2160, 3840)}
STUDIO = NetConfig(stem="space_to_depth", width=32, blocks=1, deep_blocks=3)
RANDOM = "random weights"
"""The one style of a tier that is timed without being bundled: what a network paints does not change what it costs."""


def parse_sizes(text: str) -> dict[str, Size]:
    """``"360p,4k"`` -> names and (height, width); raises :class:`UsageError`."""
    names = [name.strip().lower() for name in text.split(",")]
    for name in names:
        if name not in SIZES:
            raise UsageError(f"unknown size '{name}'; legal: {', '.join(SIZES)}")
    return {name: SIZES[name] for name in names}


def bank_to_time(tier: str, folder: Path | None = None) -> StyleBank:
    """The bundled tier; ``studio``, where it is not bundled, as the network it would be, of random weights."""
    if tier != "studio" or tier in read_manifest(folder or weights_folder())["tiers"]:
        return StyleBank.load(tier=tier, folder=folder)
    network = TransformerNet(STUDIO)
    return StyleBank(network, {RANDOM: network.neutral_style()}, tier=tier)


def bench_network(
    engines: Sequence[Engine],
    style: Tensor,
    sizes: Mapping[str, Size],
    *,
    reference: Engine | None = None,
    turns: int = TURNS,
) -> list[Timing]:
    """Time engines, each with one frame and with the batch it takes for films of that size, at every size."""
    timings: list[Timing] = []
    for name, (height, width) in sizes.items():
        batches = [(engine, batch) for engine in engines for batch in sorted({1, batch_for(engine, height, width)})]
        if reference is not None:
            batches.insert(0, (reference, 1))
        frames = random_frames(max(batch for _, batch in batches), height, width)  # the same for all
        timings += take_turns(name, [_case(engine, frames[:batch], style) for engine, batch in batches], turns)
    return timings


def _case(engine: Engine, frames: Tensor, style: Tensor) -> Case:
    staged = (lambda: stage_seconds(engine, frames, style)[1]) if has_bus(engine) else None
    return Case(lambda: engine.name, len(frames), lambda: engine(frames, style), staged)


def random_frames(count: int, height: int, width: int) -> Tensor:
    """uint8 (N, H, W, 3); the cost does not depend on what they show."""
    return torch.randint(0, 256, (count, height, width, 3), dtype=torch.uint8)
