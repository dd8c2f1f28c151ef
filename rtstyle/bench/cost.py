"""What a network costs on any machine: arithmetic and memory traffic, the two sides of a roofline (Williams et al. 2009)."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rtstyle.engines.folding import FoldedUpsampledConv, fold_upsampling
from rtstyle.nets import StyleNetwork
from rtstyle.nets.layers import ConditionalInstanceNorm

SIDE = 64
"""The cost is linear in pixels, and a small picture tells it as well."""


@dataclass(frozen=True)
class Cost:
    """Of one frame."""

    flop: float
    """Multiplications and additions of the convolutions, as the engines run them (doubling folded into the kernel)."""
    bytes: float
    """Memory traffic where every convolution reads its input and writes its output once, every norm reads its input twice
    (statistics, scaling) and writes once, and pictures come and go as bytes. Weights are left out: they stay in the cache."""

    def line(self, fps: float) -> str:
        """For people, at ``fps`` frames per second."""
        return (
            f"{self.flop / 1e9:.2f} GFLOP and {self.bytes / 1e6:.0f} MB a frame; "
            f"at {fps:.1f} frames/s {self.flop * fps / 1e9:.0f} GFLOP/s and {self.bytes * fps / 1e9:.1f} GB/s"
        )


def cost(network: StyleNetwork, height: int, width: int, *, value_bytes: int = 2) -> Cost:
    """Count one frame of ``height`` x ``width`` with ``value_bytes`` a number (2: float16 or bfloat16)."""
    flop, moved = 0, 2 * 3 * SIDE**2

    def convolved(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal flop, moved
        weight = module.weight
        assert isinstance(weight, Tensor)
        # Of a transposed kernel of stride 2, a quarter meets each pixel of the output.
        taps = weight[:, 0].numel() // 4 if isinstance(module, FoldedUpsampledConv) else weight[0].numel()
        flop += 2 * taps * output.numel()
        moved += value_bytes * (inputs[0].numel() + output.numel())

    def normed(_module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        nonlocal moved
        moved += 3 * value_bytes * output.numel()

    counted = fold_upsampling(copy.deepcopy(network)).eval()
    for module in counted.modules():
        if isinstance(module, nn.Conv2d | FoldedUpsampledConv):
            module.register_forward_hook(convolved)
        elif isinstance(module, ConditionalInstanceNorm):
            module.register_forward_hook(normed)
    with torch.inference_mode():
        counted(torch.zeros(1, 3, SIDE, SIDE), counted.neutral_style())
    share = height * width / SIDE**2
    return Cost(flop=flop * share, bytes=moved * share)
