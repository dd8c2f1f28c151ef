"""Which engine paints: by name, or the fastest that this machine was measured to have."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import logging
import os
import platform
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import torch

from rtstyle.cache import cache_folder
from rtstyle.engines.base import Engine
from rtstyle.engines.eager import EagerEngine
from rtstyle.engines.fallback import FallbackEngine
from rtstyle.engines.openvino import OpenVinoEngine, missing_openvino
from rtstyle.engines.warming import WarmingEngine, best_seconds
from rtstyle.errors import UsageError
from rtstyle.nets import StyleNetwork, network_table

logger = logging.getLogger(__name__)

ENGINES = ("auto", "eager", "compiled", "openvino")
Work = Literal["still", "film", "live"]
"""What is painted: single pictures of any size, many frames of one size, or frames that somebody waits for."""

CHOICES = "engines.json"
TRIAL_SHAPE = (4, 360, 640, 3)


def open_engine(name: str, network: StyleNetwork, device: torch.device, *, work: Work = "still") -> Engine:
    """The engine called ``name``.

    ``auto`` is eager for stills, which would wait longer for a compiler than for the painting. Films get the fastest engine
    that needs no compiler, measured the first time and remembered in the user's cache folder. Live frames are painted in
    eager at once, and by the faster engine as soon as it is warm. On a GPU, auto replays CUDA graphs, which need no compiler;
    ``compiled`` has the network's kernels fused first and replays graphs of those.

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
        return FallbackEngine([_openvino(network), eager])
    if name == "compiled":
        fused = [_graphs(network, device, fused=True)] if device.type == "cuda" else []
        return FallbackEngine([*fused, _compiled(network, device), eager])
    if device.type == "cuda":
        return FallbackEngine([_graphs(network, device), eager])
    if device.type != "cpu" or work == "still" or not _has_openvino():
        return FallbackEngine([eager])
    return _auto_cpu(network, eager, work)


def _auto_cpu(network: StyleNetwork, eager: Callable[[], Engine], work: Work) -> Engine:
    choices = Choices(_machine(network))
    known = choices.read()
    if known == EagerEngine.name:
        return FallbackEngine([eager])
    if work == "live":
        return WarmingEngine(eager(), _openvino(network), measured=choices.write)
    if known is None:
        return FallbackEngine([partial(_faster, eager, _openvino(network), choices, network.style_size), eager])
    return FallbackEngine([_openvino(network), eager])


def _faster(eager: Callable[[], Engine], other: Callable[[], Engine], choices: Choices, style_size: int) -> Engine:
    """The faster of two on a trial picture, remembered."""
    first, second = eager(), other()
    frames, style = torch.zeros(TRIAL_SHAPE, dtype=torch.uint8), torch.zeros(style_size)
    second(frames, style)
    best = min((first, second), key=lambda engine: best_seconds(engine, frames, style))
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
        return name if name in ENGINES else None

    def write(self, name: str) -> None:
        """Remember ``name``."""
        try:
            path = self._path()
            aside = path.with_suffix(f".{os.getpid()}")
            aside.write_text(json.dumps({**self._all(), self.key: name}, indent=1), encoding="utf-8")
            aside.replace(path)
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


def _machine(network: StyleNetwork) -> str:
    """Everything that may change which engine wins."""
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("torch", "openvino")]
    parts = [*versions, platform.machine(), platform.processor(), str(os.cpu_count()), torch.backends.cpu.get_cpu_capability()]
    return hashlib.sha256(repr((parts, network_table(network))).encode()).hexdigest()[:16]


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


def _graphs(network: StyleNetwork, device: torch.device, *, fused: bool = False) -> Callable[[], Engine]:
    def make() -> Engine:
        from rtstyle.engines.cuda import CudaEngine

        return CudaEngine(network, device, fused=fused)

    return make
