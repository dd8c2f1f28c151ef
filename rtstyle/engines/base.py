"""The seam between a Stylizer and the ways to run its network."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from rtstyle.nets import StyleNetwork
from rtstyle.pixels import pad_to_multiple, to_float, to_uint8


class Engine(Protocol):
    """Runs one network on one device."""

    @property
    def name(self) -> str:
        """As on the command line."""
        ...

    @property
    def preferred_batch(self) -> int:
        """Frames a call should bring where nobody waits for the single one."""
        ...

    def __call__(self, frames: Tensor, style: Tensor) -> Tensor:
        """Paint uint8 (N, H, W, 3) in the style(s) (D,) or (N, D), float32; both on the CPU, so is the uint8 result."""
        ...


@runtime_checkable
class MeasuresBatch(Protocol):
    """What an engine may have besides: a batch chosen by measuring time and memory."""

    def measure_batch(self, height: int, width: int) -> int:
        """Frames of this size that a call should bring; the first question takes a measurement."""
        ...


@runtime_checkable
class Forgets(Protocol):
    """What an engine may have besides: it prepares for each shape, and keeps so many and no more."""

    def remembers(self, shape: tuple[int, ...]) -> bool:
        """Whether frames of this shape are painted at once; asked without waiting for any preparation."""
        ...


@runtime_checkable
class StandsIn(Protocol):
    """An engine that leaves the painting to another."""

    @property
    def at_work(self) -> Engine:
        """The engine that paints at present."""
        ...


def batch_for(engine: Engine, height: int, width: int) -> int:
    """The batch for frames of this size: measured, by an engine that can, else the preferred one."""
    return engine.measure_batch(height, width) if isinstance(engine, MeasuresBatch) else engine.preferred_batch


def at_work(engine: Engine) -> Engine:
    """The engine that paints, where one stands in for several."""
    while isinstance(engine, StandsIn):
        engine = engine.at_work
    return engine


CAPTURING = threading.Lock()
"""Held while a CUDA graph is captured, and while work is handed to a GPU that would break a capture in another thread: a library
that tries its kernels, or memory that is given back, waits for the whole device."""


def beside_captures(device: torch.device) -> AbstractContextManager[object]:
    """Keeps captures out meanwhile, where the device has any."""
    return CAPTURING if device.type == "cuda" else nullcontext()


SURVIVED = (RuntimeError, MemoryError, ImportError, OSError, NotImplementedError)
"""What an engine raises that cannot run here: no compiler, no such dtype, no memory, a broken library."""


def out_of_memory(error: BaseException) -> bool:
    """Whether an error of an engine says that memory did not suffice."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(
        words in str(error) for words in ("allocate memory", "out of memory")
    )


class FrameNetwork(nn.Module):
    """A style network between the two pixel crossings: uint8 in, uint8 out, any size from 16 px a side."""

    def __init__(self, network: StyleNetwork, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.network = network
        self.dtype = dtype

    def forward(self, frames: Tensor, style: Tensor) -> Tensor:
        """uint8 (N, H, W, 3) and style vectors (D,) or (N, D) -> uint8 (N, H, W, 3)."""
        height, width = frames.shape[1:3]
        x = pad_to_multiple(to_float(frames, self.dtype), self.network.multiple)
        return to_uint8(self.network(x, style.to(self.dtype))[..., :height, :width])
