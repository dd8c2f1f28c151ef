"""Johnson, Alahi & Fei-Fei 2016, Perceptual Losses for Real-Time Style Transfer (arXiv 1603.08155), Table 1.

A 9x9 convolution, two of stride 2, five residual blocks, two up-convolutions, a 9x9 convolution. Other than in the
paper, borders are reflected at every layer (the paper reflects 40 pixels once and lets the blocks crop), and the norm
is a conditional instance norm instead of a batch norm (Ulyanov et al. 2016, arXiv 1607.08022, show why).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rtstyle.nets.base import NetworkConfig, StyleNetwork
from rtstyle.nets.layers import ConditionalInstanceNorm, ConvLayer, NormedConv, ResidualBlock, StyleReader

Upsampling = Literal["nearest", "transposed"]
Output = Literal["sigmoid", "tanh", "clamp"]


@dataclass(frozen=True, kw_only=True)
class JohnsonConfig(NetworkConfig):
    """The defaults have the published size."""

    width: int = 32
    """Channels at full resolution; twice that at half and four times at quarter resolution."""
    blocks: int = 5
    upsampling: Upsampling = "nearest"
    """``transposed`` as published; ``nearest``, then a convolution, draws no checkerboard (Odena et al. 2016)."""
    output: Output = "tanh"
    """``tanh``, scaled to [0, 1], as published; ``clamp`` cuts off what is out of range."""

    def __post_init__(self) -> None:
        if self.width < 1 or self.blocks < 0:
            raise ValueError(f"width must be at least 1 and blocks at least 0: {self}")
        if self.upsampling not in ("nearest", "transposed"):
            raise ValueError(f"unknown upsampling {self.upsampling!r}; legal: nearest, transposed")
        if self.output not in ("sigmoid", "tanh", "clamp"):
            raise ValueError(f"unknown output {self.output!r}; legal: sigmoid, tanh, clamp")

    @property
    def multiple(self) -> int:
        return 4


class UpConv(nn.Module):
    """To twice the size: transposed convolution (or nearest neighbour and convolution), norm, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, upsampling: Upsampling) -> None:
        super().__init__()
        self.nearest = upsampling == "nearest"
        self.conv: nn.Module = (
            ConvLayer(in_channels, out_channels, 3)
            if self.nearest
            else nn.ConvTranspose2d(in_channels, out_channels, 3, stride=2, padding=1, output_padding=1)
        )
        self.norm = ConditionalInstanceNorm(out_channels)

    def forward(self, x: Tensor, style: StyleReader) -> Tensor:
        """(N, C, H, W) -> (N, O, 2 * H, 2 * W)."""
        if self.nearest:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        return F.relu(self.norm(self.conv(x), *style.take(self.norm.channels)))


def bounded(x: Tensor, output: Output) -> Tensor:
    """Any real -> [0, 1]."""
    if output == "tanh":
        return (torch.tanh(x) + 1) / 2
    # Centred on grey, or half of an untrained network's output would be out of range, where clamp has no gradient.
    return (x + 0.5).clamp(0, 1) if output == "clamp" else torch.sigmoid(x)


class JohnsonNet(StyleNetwork):
    """The image transformation network of the paper."""

    arch = "johnson"
    config: JohnsonConfig

    def __init__(self, config: JohnsonConfig) -> None:
        super().__init__(config)
        c1, c2, c4 = config.width, 2 * config.width, 4 * config.width
        self.encoder = nn.ModuleList(
            (NormedConv(3, c1, 9), NormedConv(c1, c2, 3, stride=2), NormedConv(c2, c4, 3, stride=2)),
        )
        self.blocks = nn.ModuleList(ResidualBlock(c4) for _ in range(config.blocks))
        self.decoder = nn.ModuleList((UpConv(c4, c2, config.upsampling), UpConv(c2, c1, config.upsampling)))
        self.head = ConvLayer(c1, 3, 9)

    def features(self, x: Tensor, style: Tensor) -> tuple[Tensor, StyleReader]:
        """At quarter resolution, (N, 4 * width, H / 4, W / 4)."""
        reader = StyleReader(style, x.shape[0])
        for layer in (*self.encoder, *self.blocks):
            x = layer(x, reader)
        return x, reader

    def decode(self, x: Tensor, reader: StyleReader) -> Tensor:
        for layer in self.decoder:
            x = layer(x, reader)
        return bounded(self.head(x), self.config.output)
