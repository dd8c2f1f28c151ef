"""AO-Net: reduce the picture fast, work in few cheap blocks, enlarge it again.

No paper of its own is known to us; its parts are the parallel branches of Inception (Szegedy et al. 2014, arXiv
1409.4842), the grouped bottleneck blocks of ResNeXt (Xie et al. 2016, arXiv 1611.05431) and the up-sampling decoder
of Johnson et al. 2016 with nearest neighbour and convolution.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rtstyle.nets.base import NetworkConfig, StyleNetwork
from rtstyle.nets.layers import ConditionalInstanceNorm, ConvLayer, NormedConv, StyleReader


@dataclass(frozen=True, kw_only=True)
class AONetConfig(NetworkConfig):
    """The shape."""

    branch_width: int = 16
    """Channels of each of the stem's three branches."""
    width: int = 128
    """Channels of the residual blocks, at an eighth of the resolution."""
    blocks: int = 5
    groups: int = 8
    """Groups of the blocks' 3x3 convolutions (ResNeXt's cardinality)."""

    def __post_init__(self) -> None:
        if self.branch_width < 1 or self.blocks < 0 or self.groups < 1:
            raise ValueError(f"branch_width and groups must be at least 1, blocks at least 0: {self}")
        if self.width < 8 or self.width % (2 * self.groups) or self.width % 8:
            raise ValueError(f"width must be a multiple of 8 and of twice the groups: {self}")

    @property
    def multiple(self) -> int:
        return 8


class InceptionStem(nn.Module):
    """Parallel 1x1, 3x3 and 5x5 convolutions at half the resolution, side by side in the output; norm, ReLU."""

    def __init__(self, in_channels: int, branch_width: int) -> None:
        super().__init__()
        # The 1x1 gets means of 2x2 pixels: of stride 2 it would not see three pixels in four, and oneDNN's gradient of a
        # strided 1x1 on few channels corrupts memory (oneDNN#6035).
        self.point = ConvLayer(in_channels, branch_width, 1)
        self.wider = nn.ModuleList(ConvLayer(in_channels, branch_width, size, stride=2) for size in (3, 5))
        self.norm = ConditionalInstanceNorm(3 * branch_width)

    def forward(self, x: Tensor, style: StyleReader) -> Tensor:
        """(N, C, H, W) -> (N, O, H / 2, W / 2)."""
        x = torch.cat([self.point(F.avg_pool2d(x, 2)), *(branch(x) for branch in self.wider)], dim=1)
        return F.relu(self.norm(x, *style.take(self.norm.channels)))


class GroupedBlock(nn.Module):
    """1x1 to half the channels, grouped 3x3, 1x1 back, around a skip (ResNeXt)."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        inner = channels // 2
        self.reduce = NormedConv(channels, inner, 1)
        self.grouped = NormedConv(inner, inner, 3, groups=groups)
        self.expand = NormedConv(inner, channels, 1, relu=False)

    def forward(self, x: Tensor, style: StyleReader) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        return x + self.expand(self.grouped(self.reduce(x, style), style), style)


class AONet(StyleNetwork):
    """Three halvings, residual blocks, three doublings."""

    arch = "aonet"
    config: AONetConfig

    def __init__(self, config: AONetConfig) -> None:
        super().__init__(config)
        wide = config.width
        self.encoder = nn.ModuleList(
            (
                InceptionStem(3, config.branch_width),
                NormedConv(3 * config.branch_width, wide // 2, 3, stride=2),
                NormedConv(wide // 2, wide, 3, stride=2),
            )
        )
        self.blocks = nn.ModuleList(GroupedBlock(wide, config.groups) for _ in range(config.blocks))
        self.decoder = nn.ModuleList(NormedConv(wide // k, wide // (2 * k), 3) for k in (1, 2, 4))
        self.head = ConvLayer(wide // 8, 3, 3)

    def features(self, x: Tensor, style: Tensor) -> tuple[Tensor, StyleReader]:
        """At an eighth of the resolution, (N, width, H / 8, W / 8)."""
        reader = StyleReader(style, x.shape[0])
        for layer in (*self.encoder, *self.blocks):
            x = layer(x, reader)
        return x, reader

    def decode(self, x: Tensor, reader: StyleReader) -> Tensor:
        for layer in self.decoder:
            x = layer(F.interpolate(x, scale_factor=2, mode="nearest"), reader)
        return torch.sigmoid(self.head(x))
