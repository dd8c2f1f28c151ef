"""Which engine paints: by name, or the fastest that this machine was measured to have."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import logging
import platform
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch

from rtstyle.engines.base import Engine
from rtstyle.engines.eager import EagerEngine
from rtstyle.engines.fallback import FallbackEngine
from rtstyle.engines.openvino import OpenVinoEngine, missing_openvino
from rtstyle.engines.warming import WarmingEngine, best_seconds
from rtstyle.errors import UsageError
from rtstyle.nets import StyleNetwork, network_table
from rtstyle.system.cache import cache_folder
from rtstyle.system.cores import usable_cores
from rtstyle.system.whole import whole_file

if TYPE_CHECKING:
    from rtstyle.engines.cuda import Kind

logger = logging.getLogger(__name__)

ENGINES = ("auto", "eager", "compiled", "openvino")
CHOSEN = ("eager", "openvino", "cuda", "cuda-lean")
"""What auto may find to be the fastest; on a GPU the last two are graphs of PyTorch's kernels and of ours."""
Work = Literal["still", "film", "live"]
"""What is painted: single pictures of any size, many frames of one size, or frames that somebody waits for."""

CHOICES = "engines.json"
TRIAL_SHAPE = (4, 360, 640, 3)


def open_engine(name: str, network: StyleNetwork, device: torch.device, *, work: Work = "still") -> Engine:
    """The engine called ``name``.

    ``auto`` is eager for stills, which would wait longer for a compiler than for the painting. Films get the fastest engine
    that is ready in seconds, measured the first time and remembered in the user's cache folder: OpenVINO or eager on a CPU,
    CUDA graphs of our own kernels or of PyTorch's on a GPU. ``compiled`` takes up to a minute for every size; on a GPU it
    replays graphs, too. Live frames are painted in eager at once, and by the engine named, or the faster one, as soon as it is
    warm.

    Raises :class:`UsageError` for an unknown name and :class:`MissingDependencyError` for an engine whose package is missing.
    """
    if name not in ENGINES:
        raise UsageError(f"unknown engine '{name}'; legal: {', '.join(ENGINES)}")
    eager = partial(EagerEngine, network, device)
    if name == "eager":
        return eager()
    if name == "openvino":
        if device.type != "cpu":
            raise UsageError(f"engine 'openvino' paints on the CPU, not on {device}; use --device cpu or --engine auto")
        if not _has_openvino():
            raise missing_openvino()
        return _named(eager, work, [_openvino(network)])
    if name == "compiled":
        fused = [_graphs(network, device, "fused")] if device.type == "cuda" else []
        return _named(eager, work, [*fused, _compiled(network, device)])
    if work != "still" and device.type == "cuda":
        return _auto(network, device, eager, work, [_graphs(network, device, "lean"), _graphs(network, device, "plain")])
    if work != "still" and device.type == "cpu" and _has_openvino():
        return _auto(network, device, eager, work, [_openvino(network), eager])
    return FallbackEngine([eager])


def _named(eager: Callable[[], Engine], work: Work, makers: Sequence[Callable[[], Engine]]) -> Engine:
    """The first of ``makers`` that works, whether it is faster than eager or not."""
    if work == "live":
        return WarmingEngine(eager(), lambda: FallbackEngine([*makers, eager]), whatever=True)
    return FallbackEngine([*makers, eager])


def _auto(
    network: StyleNetwork, device: torch.device, eager: Callable[[], Engine], work: Work, rivals: Sequence[Callable[[], Engine]]
) -> Engine:
    """The fastest of ``rivals``; the first of them, the likeliest, is what live frames are promised."""
    choices = Choices(_machine(network, device))
    known = choices.read()
    if known == EagerEngine.name:
        return FallbackEngine([eager])
    if known == "cuda":
        rivals = rivals[1:]
    if work == "live":

        def remember(name: str) -> None:
            # Measured beside frames that are being painted, eager may win on a GPU by chance; films would keep it for good.
            if device.type != "cuda" or name != EagerEngine.name:
                choices.write(name)

        return WarmingEngine(eager(), lambda: FallbackEngine(rivals), measured=remember)
    in_turn = list(dict.fromkeys([*rivals, eager]))
    if known is None:
        in_turn.insert(0, partial(_faster, rivals, choices, network.style_size))
    return FallbackEngine(in_turn)


def _faster(rivals: Sequence[Callable[[], Engine]], choices: Choices, style_size: int) -> Engine:
    """The fastest on a trial picture, remembered."""
    engines = [make() for make in rivals]
    frames, style = torch.zeros(TRIAL_SHAPE, dtype=torch.uint8), torch.zeros(style_size)
    for engine in engines:
        engine(frames, style)
    best = min(engines, key=lambda engine: best_seconds(engine, frames, style))
    choices.write(best.name)
    logger.info("engine '%s' is the fastest here", best.name)
    return best


class Choices:
    """The engine that was fastest for a machine and network, in a small file. A cache that cannot be used is no error."""

    def __init__(self, key: str, folder: Path | None = None) -> None:
        self.key = key
        self._folder = folder

    def read(self) -> str | None:
        """The name remembered; None where there is none."""
        name = self._all().get(self.key)
        return name if name in CHOSEN else None

    def write(self, name: str) -> None:
        """Remember ``name``."""
        try:
            with whole_file(self._path()) as file:
                file.write_text(json.dumps({**self._all(), self.key: name}, indent=1), encoding="utf-8")
        except OSError as error:
            logger.info("the choice of engine could not be remembered: %s", error)

    def _all(self) -> dict[str, str]:
        try:
            table = json.loads(self._path().read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return table if isinstance(table, dict) else {}

    def _path(self) -> Path:
        return (self._folder or cache_folder()) / CHOICES


def _machine(network: StyleNetwork, device: torch.device) -> str:
    """Everything that may change which engine wins."""
    if device.type == "cuda":
        computer = [torch.cuda.get_device_name(device), _version("triton")]
    else:
        computer = [_version("openvino"), platform.processor(), torch.backends.cpu.get_cpu_capability()]
    parts = [_version("torch"), *computer, platform.machine(), str(usable_cores())]
    return hashlib.sha256(repr((parts, network_table(network))).encode()).hexdigest()[:16]


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _has_openvino() -> bool:
    return importlib.util.find_spec("openvino") is not None


def _openvino(network: StyleNetwork) -> Callable[[], Engine]:
    def make() -> Engine:
        return OpenVinoEngine(network)

    return make


def _compiled(network: StyleNetwork, device: torch.device) -> Callable[[], Engine]:
    def make() -> Engine:
        from rtstyle.engines.compiled import CompiledEngine

        return CompiledEngine(network, device)

    return make


def _graphs(network: StyleNetwork, device: torch.device, kind: Kind) -> Callable[[], Engine]:
    def make() -> Engine:
        from rtstyle.engines.cuda import CudaEngine

        return CudaEngine(network, device, kind=kind)

    return make
