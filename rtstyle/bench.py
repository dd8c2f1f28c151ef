"""How fast it is: the network alone, and the whole path of a film, against the reference everyone starts from.

Every case runs once before anything is timed. Cases then take turns in one process, so that whatever else the machine does
falls on all of them alike; in each turn a case runs twice, as a film or a camera would have it run on and on, and the second
time counts. The median and the 95th percentile of the turns are reported. The engines copy their result
to the CPU, so a GPU has finished when a call returns. There, a third call in each turn does one stage after the other, the
device waited for at the end of each: upload, network, download. The network's benchmark needs neither av nor cv2 nor gradio.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rtstyle.engines.base import Engine, batch_for
from rtstyle.engines.stages import STAGES, Lap, has_bus, stage_seconds
from rtstyle.errors import UsageError
from rtstyle.nets import StyleNetwork
from rtstyle.nets.johnson import JohnsonConfig, JohnsonNet
from rtstyle.nets.layers import ConditionalInstanceNorm
from rtstyle.nets.transformer import NetConfig, TransformerNet
from rtstyle.stats import percentile
from rtstyle.styles import StyleBank, read_manifest, weights_folder

SIZES = {"360p": (360, 640), "720p": (720, 1280), "1080p": (1080, 1920), "4k": (2160, 3840)}
REFERENCE = JohnsonConfig()
STUDIO = NetConfig(stem="space_to_depth", width=32, blocks=1, deep_blocks=3)
RANDOM = "random weights"
"""The one style of a tier that is timed without being bundled: what a network paints does not change what it costs."""
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


def parse_sizes(text: str) -> dict[str, tuple[int, int]]:
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
    sizes: dict[str, tuple[int, int]],
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
        if name == ReferenceEngine.name:
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


class PlainInstanceNorm(nn.InstanceNorm2d):
    """PyTorch's own norm, with scale and shift of its own (Ulyanov et al. 2016), where a network has a conditional one."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, affine=True)
        self.channels = channels

    def forward(self, input: Tensor, *_style: Tensor) -> Tensor:
        """``input`` (N, C, H, W); the style that is handed to the norm is not looked at."""
        return super().forward(input)


def one_style(network: StyleNetwork) -> StyleNetwork:
    """The network with plain instance norms in the place of its conditional ones: it paints one style and takes no other."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, ConditionalInstanceNorm):
                setattr(module, name, PlainInstanceNorm(child.channels))
    return network


class ReferenceEngine:
    """Johnson et al. 2016 at width 32 as everyone runs it: plain instance norms, float32, eager, NCHW, one frame, one style."""

    name = "reference"
    preferred_batch = 1

    def __init__(self, device: torch.device) -> None:
        self.device = device
        network = JohnsonNet(REFERENCE)
        self.style = network.neutral_style().to(device)  # handed along, and not looked at
        self.network = one_style(network).eval().to(device)

    def __call__(self, frames: Tensor, style: Tensor) -> Tensor:
        return self.staged(frames, style, lambda _stage: None)

    @torch.inference_mode()
    def staged(self, frames: Tensor, style: Tensor, lap: Lap) -> Tensor:
        """Paint, and tell of each stage; see :mod:`rtstyle.engines.stages`."""
        sent = frames.to(self.device)
        lap("upload")
        x = sent.permute(0, 3, 1, 2).contiguous().float() / 255
        painted = (self.network(x, self.style) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()
        lap("net")
        painted = painted.cpu()
        lap("download")
        return painted


def random_frames(count: int, height: int, width: int) -> Tensor:
    """uint8 (N, H, W, 3); the cost does not depend on what they show."""
    return torch.randint(0, 256, (count, height, width, 3), dtype=torch.uint8)


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
