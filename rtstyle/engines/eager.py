"""PyTorch as it is: always there, the measure of all other engines."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from rtstyle.engines.base import FrameNetwork
from rtstyle.nets import StyleNetwork


class EagerEngine:
    """Runs the network op by op in ``dtype`` (float32 by default)."""

    name = "eager"
    preferred_batch = 1

    def __init__(self, network: StyleNetwork, device: torch.device, dtype: torch.dtype = torch.float32) -> None:
        self.device = device
        module = FrameNetwork(copy.deepcopy(network), dtype).eval().to(device, dtype)
        self.module = module.to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def __call__(self, frames: Tensor, style: Tensor) -> Tensor:
        return self.module(frames.to(self.device, non_blocking=True), style.to(self.device)).cpu()
