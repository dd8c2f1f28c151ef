"""The reference everyone starts from: Johnson et al. 2016 (arXiv 1603.08155), Table 1, run the plain way."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rtstyle.bench.timing import REFERENCE
from rtstyle.engines.stages import Lap
from rtstyle.nets import StyleNetwork
from rtstyle.nets.johnson import JohnsonConfig, JohnsonNet
from rtstyle.nets.layers import ConditionalInstanceNorm

CONFIG = JohnsonConfig()


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

    name = REFERENCE
    preferred_batch = 1

    def __init__(self, device: torch.device) -> None:
        self.device = device
        network = JohnsonNet(CONFIG)
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
