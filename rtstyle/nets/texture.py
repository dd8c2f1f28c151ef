"""Ulyanov et al. 2016, Texture Networks (arXiv 1603.03417): a pyramid that paints from noise as well as from the photo.

The photo, reduced to every scale, goes in beside noise of that scale; features go from coarse to fine, joined by
concatenation after a norm (sec. 4.1, fig. 2). Norms are conditional instance norms, as the authors' own later work
asks for (arXiv 1701.02096), instead of batch norms.

How loud the noise is, is part of the style vector (its last element but one, 1 in training): louder noise departs
further from the photo (sec. 4.2), none follows it most closely. The pattern is fixed, so that the same picture is
always painted the same way and a still scene stands still.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rtstyle.nets.base import NetworkConfig, StyleNetwork
from rtstyle.nets.layers import ConditionalInstanceNorm, ConvLayer, NormedConv, StyleReader

NOISE_CHANNELS = 3
TILE = 128
"""Side of the pattern, in pixels of each scale; it repeats."""


@dataclass(frozen=True, kw_only=True)
class TextureConfig(NetworkConfig):
    """The shape."""

    scales: int = 5
    """Each is half the size of the one before."""
    width: int = 8
    """Channels that each scale adds."""

    def __post_init__(self) -> None:
        if not 1 <= self.scales <= 8 or self.width < 1:
            raise ValueError(f"scales must be 1 to 8 and width at least 1: {self}")

    @property
    def multiple(self) -> int:
        return 2 ** (self.scales - 1)


class Chain(nn.Module):
    """Two 3x3 convolutions and a 1x1, each with norm and ReLU (the paper's block)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            (
                NormedConv(in_channels, out_channels, 3),
                NormedConv(out_channels, out_channels, 3),
                NormedConv(out_channels, out_channels, 1),
            )
        )

    def forward(self, x: Tensor, style: StyleReader) -> Tensor:
        """(N, C, H, W) -> (N, O, H, W)."""
        for layer in self.layers:
            x = layer(x, style)
        return x


class Scale(nn.Module):
    """Features of one scale, joined with those of the coarser scales."""

    def __init__(self, coarser: int, width: int) -> None:
        """``coarser``: channels that come from below, 0 at the coarsest scale."""
        super().__init__()
        self.enter = Chain(3 + NOISE_CHANNELS, width)
        self.norms = nn.ModuleList(ConditionalInstanceNorm(channels) for channels in (coarser, width) if coarser)
        self.joined = Chain(coarser + width, coarser + width) if coarser else None

    def forward(self, inputs: Tensor, below: Tensor | None, style: StyleReader) -> Tensor:
        """``inputs`` (N, I, H, W) and what the next coarser scale made, (N, C, H / 2, W / 2) -> (N, O, H, W)."""
        x = self.enter(inputs, style)
        if below is None or self.joined is None:
            return x
        parts = (F.interpolate(below, scale_factor=2, mode="nearest"), x)
        # Normed before they meet, or one scale would drown the other.
        normed = [norm(part, *style.take(part.shape[1])) for norm, part in zip(self.norms, parts, strict=True)]
        return self.joined(torch.cat(normed, dim=1), style)


class TextureNet(StyleNetwork):
    """The multi-scale generator."""

    arch = "texture"
    config: TextureConfig

    def __init__(self, config: TextureConfig) -> None:
        super().__init__(config)
        self.scales = nn.ModuleList(Scale(i * config.width, config.width) for i in range(config.scales))
        self.head = ConvLayer(config.scales * config.width, 3, 1)
        generator = torch.Generator().manual_seed(0)
        self.pattern: Tensor
        pattern = torch.rand(1, NOISE_CHANNELS * config.scales, TILE, TILE, generator=generator) - 0.5
        self.register_buffer("pattern", pattern, persistent=False)
        self.step = 0

    def neutral_style(self) -> Tensor:
        plain = super().neutral_style()
        return torch.cat((plain[:-1], torch.ones(1), plain[-1:]))

    def with_noise(self, style: Tensor, amount: float) -> Tensor:
        changed = style.clone()
        changed[..., -2] *= amount
        return changed

    def begin_step(self, step: int) -> None:
        self.step = step

    def features(self, x: Tensor, style: Tensor) -> tuple[Tensor, StyleReader]:
        """At full resolution, (N, scales * width, H, W)."""
        reader = StyleReader(style, x.shape[0])
        # Not to be learned: training would turn it down to 0.
        loudness = reader.style[:, -2].detach().to(x.dtype)[:, None, None, None]
        pattern = self._pattern()
        below: Tensor | None = None
        for index, scale in enumerate(self.scales):
            factor = 2 ** (len(self.scales) - 1 - index)
            picture = F.avg_pool2d(x, factor) if factor > 1 else x
            height, width = picture.shape[-2:]
            noise = pattern[:, NOISE_CHANNELS * index : NOISE_CHANNELS * (index + 1)].to(x.dtype)
            noise = noise.repeat(1, 1, -(-height // TILE), -(-width // TILE))[..., :height, :width]
            below = scale(torch.cat((picture, noise * loudness), dim=1), below, reader)
        assert below is not None
        return below, reader

    def decode(self, x: Tensor, reader: StyleReader) -> Tensor:
        return torch.sigmoid(self.head(x))

    def _pattern(self) -> Tensor:
        if not self.training:
            return self.pattern
        # Moved at every step, so that the network cannot learn one pattern by heart.
        moves = self.step + 1
        return self.pattern.roll((moves * 37 % TILE, moves * 91 % TILE), dims=(2, 3))
