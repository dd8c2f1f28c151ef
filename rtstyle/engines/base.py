"""The seam between a Stylizer and the ways to run its network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

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


def batch_for(engine: Engine, height: int, width: int) -> int:
    """The batch for frames of this size: measured, by an engine that can, else the preferred one."""
    measure: Callable[[int, int], int] | None = getattr(engine, "measure_batch", None)
    return measure(height, width) if measure else engine.preferred_batch


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
        height, width = frames.shape[1:3]
        x = pad_to_multiple(to_float(frames, self.dtype), self.network.multiple)
        return to_uint8(self.network(x, style.to(self.dtype))[..., :height, :width])
