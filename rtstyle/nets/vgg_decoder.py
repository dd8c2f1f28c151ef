"""A classifier's eyes and a painter's hand: a pretrained VGG as the encoder, an up-sampling decoder of our own.

The encoder's first 20 layers (up to conv4_2 in VGG-16; Simonyan & Zisserman 2014, arXiv 1409.1556) stay as they are;
its later max-pools give way to instance norms (Ulyanov et al. 2016, arXiv 1607.08022) and its later convolutions
train on. The decoder goes from 512 channels at an eighth of the resolution to the picture, as in AdaIN (Huang &
Belongie 2017, arXiv 1703.06868).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rtstyle.nets.base import NetworkConfig, StyleNetwork
from rtstyle.nets.layers import ConditionalInstanceNorm, ConvLayer, NormedConv, StyleReader
from rtstyle.perceptual.backbones import VGG_STAGES, build_backbone, find_backbone, load_backbone
from rtstyle.perceptual.network import IMAGENET_MEAN, IMAGENET_STD

FROZEN = 20


@dataclass(frozen=True, kw_only=True)
class VGGDecoderConfig(NetworkConfig):
    """The shape."""

    encoder: Literal["vgg16", "vgg19"] = "vgg16"

    def __post_init__(self) -> None:
        if self.encoder not in VGG_STAGES:
            raise ValueError(f"unknown encoder {self.encoder!r}; legal: {', '.join(VGG_STAGES)}")

    @property
    def multiple(self) -> int:
        return 8


class VGGDecoderNet(StyleNetwork):
    """VGG encoder, frozen at first and trained at the end, and a decoder."""

    arch = "vgg_decoder"
    config: VGGDecoderConfig

    def __init__(self, config: VGGDecoderConfig) -> None:
        super().__init__(config)
        layers = build_backbone(config.encoder, self._last())
        pool = next(i for i in range(FROZEN, len(layers)) if isinstance(layers[i], nn.MaxPool2d))
        self.frozen = layers[:FROZEN]
        self.fourth = layers[FROZEN:pool]
        self.fourth_norm = ConditionalInstanceNorm(512)
        self.fifth = layers[pool + 1 :]
        self.fifth_norm = ConditionalInstanceNorm(512)
        self.decoder = nn.ModuleList((NormedConv(512, 256, 3), NormedConv(256, 128, 3), NormedConv(128, 64, 3)))
        self.head = ConvLayer(64, 3, 3)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(True)

    def requires_grad_(self, requires_grad: bool = True) -> VGGDecoderNet:
        """As everywhere, but the frozen layers stay frozen."""
        super().requires_grad_(requires_grad)
        self.frozen.requires_grad_(False)
        return self

    def load_pretrained(self, loss_network: str, weights: Path | None) -> None:
        """The encoder's weights, frozen and trainable ones; see :func:`load_backbone` for the errors."""
        loaded = load_backbone(self.config.encoder, self._last(), weights if loss_network == self.config.encoder else None)
        for part in (self.frozen, self.fourth, self.fifth):
            keys = part.state_dict().keys()
            part.load_state_dict({key: value for key, value in loaded.state_dict().items() if key in keys})

    def borrowed(self) -> list[nn.Parameter]:
        """The encoder's later convolutions."""
        return [*self.fourth.parameters(), *self.fifth.parameters()]

    def features(self, x: Tensor, style: Tensor) -> tuple[Tensor, StyleReader]:
        """At an eighth of the resolution, (N, 512, H / 8, W / 8)."""
        reader = StyleReader(style, x.shape[0])
        x = self.frozen((x - self.mean.to(x.dtype)) / self.std.to(x.dtype))
        x = self.fourth_norm(self.fourth(x), *reader.take(512))
        x = self.fifth_norm(self.fifth(x), *reader.take(512))
        return x, reader

    def decode(self, x: Tensor, reader: StyleReader) -> Tensor:
        for layer in self.decoder:
            x = layer(F.interpolate(x, scale_factor=2, mode="nearest"), reader)
        return torch.sigmoid(self.head(x))

    def _last(self) -> int:
        return max(find_backbone(self.config.encoder).layers.values())
