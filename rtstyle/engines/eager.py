"""PyTorch as it is: always there, the measure of all other engines."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from rtstyle.engines.base import FrameNetwork, beside_captures
from rtstyle.engines.stages import Lap
from rtstyle.nets import StyleNetwork
from rtstyle.system.memory import reusing_memory


class EagerEngine:
    """Runs the network op by op in ``dtype`` (float32 by default)."""

    name = "eager"
    preferred_batch = 1

    def __init__(self, network: StyleNetwork, device: torch.device, dtype: torch.dtype = torch.float32) -> None:
        self.device = device
        module = FrameNetwork(copy.deepcopy(network), dtype).eval().to(device, dtype)
        self.module = module.to(memory_format=torch.channels_last)

    def __call__(self, frames: Tensor, style: Tensor) -> Tensor:
        return self.staged(frames, style, lambda _stage: None)

    @torch.inference_mode()
    def staged(self, frames: Tensor, style: Tensor, lap: Lap) -> Tensor:
        """Paint, and tell of each stage; see :mod:`rtstyle.engines.stages`."""
        sent, style = frames.to(self.device, non_blocking=True), style.to(self.device)
        lap("upload")
        with reusing_memory(), beside_captures(self.device):
            painted = self.module(sent, style)
        lap("net")
        painted = painted.cpu()
        lap("download")
        return painted
