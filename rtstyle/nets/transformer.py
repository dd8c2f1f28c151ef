"""The style network of both tiers: one class for training, export and run time.

Johnson et al. 2016 (arXiv 1603.08155), Table 1, changed for speed and for many styles:

- conditional instance norm (Dumoulin et al. 2017, arXiv 1610.07629): one network paints every style it was trained for;
- upsampling + convolution instead of transposed convolution (Odena et al. 2016, distill.pub/2016/deconv-checkerboard);
- nothing at full resolution: space-to-depth in, depth-to-space out (Shi et al. 2016, arXiv 1609.05158);
- most residual blocks at eighth resolution (:class:`DeepLevel`), where they see twice as far at the same cost;
- a skip from the first layer to the last, which counts below full strength only, and lets the photo's detail through.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rtstyle.nets.base import NetworkConfig, StyleNetwork
from rtstyle.nets.layers import ConditionalInstanceNorm, ConvLayer, NormedConv, ResidualBlock, StyleReader

MULTIPLE = 8
"""Height and width that the network takes are multiples of this; the Stylizer pads and crops."""

Stem = Literal["space_to_depth", "conv"]


@dataclass(frozen=True, kw_only=True)
class NetConfig(NetworkConfig):
    """Everything that defines the network's shape."""

    stem: Stem = "space_to_depth"
    """``space_to_depth``: no convolution at full resolution. ``conv``: Johnson's 9x9."""
    width: int = 8
    """Channels at full resolution; twice that at half and four times at quarter resolution."""
    blocks: int = 1
    """Residual blocks at quarter resolution."""
    deep_blocks: int = 3
    """Residual blocks at eighth resolution, eight times ``width`` wide, inside a skip; 0 leaves the level out.
    They cost what blocks at quarter resolution cost, hold four times the parameters and see twice as far."""

    def __post_init__(self) -> None:
        if self.stem not in ("space_to_depth", "conv"):
            raise ValueError(f"unknown stem {self.stem!r}; legal: space_to_depth, conv")
        if self.width < 1 or self.blocks < 0 or self.deep_blocks < 0:
            raise ValueError(f"width must be at least 1, blocks and deep_blocks at least 0: {self}")

    @property
    def multiple(self) -> int:
        return MULTIPLE

    @property
    def in_cells(self) -> bool:
        """Whether the first layer reads cells of 2x2 pixels instead of pixels."""
        return self.stem == "space_to_depth"


class DeepLevel(nn.Module):
    """Residual blocks one octave down, twice as wide, added to what came in."""

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        self.down = NormedConv(channels, 2 * channels, 3, stride=2)
        self.blocks = nn.ModuleList(ResidualBlock(2 * channels) for _ in range(blocks))
        self.up = NormedConv(2 * channels, channels, 3, upsample=True, relu=False)

    def forward(self, x: Tensor, style: StyleReader) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W); H and W even."""
        y = self.down(x, style)
        for block in self.blocks:
            y = block(y, style)
        return x + self.up(y, style)


class TransformerNet(StyleNetwork):
    """Paints a batch of pictures in the styles given as vectors."""

    arch = "transformer"
    config: NetConfig

    def __init__(self, config: NetConfig) -> None:
        super().__init__(config)
        c1, c2, c4 = config.width, 2 * config.width, 4 * config.width
        self.encoder = nn.ModuleList()
        self.decoder = nn.ModuleList()
        if config.stem == "space_to_depth":
            self.encoder.append(NormedConv(3 * 4, c2, 3))
            self.encoder.append(NormedConv(c2, c4, 3, stride=2))
            self.decoder.append(NormedConv(c4, c2, 3, upsample=True))
            self.head = ConvLayer(c2, 3 * 4, 3)
        else:
            self.encoder.append(NormedConv(3, c1, 9))
            self.encoder.append(NormedConv(c1, c2, 3, stride=2))
            self.encoder.append(NormedConv(c2, c4, 3, stride=2))
            self.decoder.append(NormedConv(c4, c2, 3, upsample=True))
            self.decoder.append(NormedConv(c2, c1, 3, upsample=True))
            self.head = ConvLayer(c1, 3, 9)
        self.deep = DeepLevel(c4, config.deep_blocks) if config.deep_blocks else None
        self.blocks = nn.ModuleList(ResidualBlock(c4) for _ in range(config.blocks))

    def norms(self) -> Iterator[ConditionalInstanceNorm]:
        """The norms in the order in which ``forward`` reads the style vector."""
        for part in (self.encoder, self.deep, self.blocks, self.decoder):
            for module in part.modules() if part is not None else ():
                if isinstance(module, ConditionalInstanceNorm):
                    yield module

    def features(self, x: Tensor, style: Tensor) -> tuple[Tensor, StyleReader]:
        """The quarter-resolution features (N, 4 * width, H / 4, W / 4), and what is left of the style."""
        return self.encode(F.pixel_unshuffle(x, 2) if self.config.in_cells else x, style)

    def encode(self, x: Tensor, style: Tensor) -> tuple[Tensor, StyleReader]:
        """:meth:`features` of what the first layer reads: with ``space_to_depth`` cells (N, 12, H / 2, W / 2)."""
        reader = StyleReader(style, x.shape[0])
        for layer in self.encoder:
            x = layer(x, reader)
            if reader.stem is None:
                reader.stem = x
        if self.deep is not None:
            x = self.deep(x, reader)
        for block in self.blocks:
            x = block(x, reader)
        return x, reader

    def decode(self, x: Tensor, reader: StyleReader) -> Tensor:
        """From features to the picture."""
        return self.finish(self.compose(x, reader))

    def compose(self, x: Tensor, reader: StyleReader) -> Tensor:
        """From features to the head's output."""
        for layer in self.decoder:
            x = layer(x, reader)
        assert reader.stem is not None, "the reader comes from features()"
        # Below full strength the photo's detail goes past the bottleneck, which has no room for all of it.
        x = x + (1.0 - reader.mix)[:, :, None, None].to(x.dtype) * reader.stem
        return self.head(x)

    def finish(self, x: Tensor) -> Tensor:
        """From the head's output to the picture."""
        if self.config.stem == "space_to_depth":
            x = F.pixel_shuffle(x, 2)
        # Bounded output: without it training burns white blobs into flat regions.
        return torch.sigmoid(x)
