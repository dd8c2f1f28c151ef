"""The frozen loss network whose features define content and style (Johnson et al. 2016, sec. 3.2).

Input is RGB in [0, 1]; torchvision's normalisation sits inside as buffers, so no caller ever normalises.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn

from rtstyle.errors import UsageError
from rtstyle.perceptual.backbones import find_backbone, load_backbone

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class LossNetwork(nn.Module):
    """VGG-19 (or another of ``BACKBONES``) up to the deepest layer asked for, frozen.

    ``forward(x)`` takes (N, 3, H, W) RGB in [0, 1] and returns ``{layer: (N, C, H, W)}``.

    Raises :class:`UsageError` for an unknown network or layer and :class:`WeightsError` for a file that does not fit.
    """

    def __init__(self, layers: Iterable[str], *, weights: Path | None = None, name: str = "vgg19") -> None:
        super().__init__()
        legal = find_backbone(name).layers
        self.names: dict[int, str] = {}
        for layer in layers:
            if layer not in legal:
                raise UsageError(f"no layer '{layer}' in {name}; legal: {', '.join(legal)}")
            self.names[legal[layer]] = layer
        if not self.names:
            raise UsageError("no layer of the loss network is asked for")
        self.features = load_backbone(name, max(self.names), weights).to(memory_format=torch.channels_last)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = ((x - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        found: dict[str, Tensor] = {}
        for index, module in enumerate(self.features):
            x = module(x)
            if index in self.names:
                # What follows such a layer (a convolution, a pool, a residual block) does not write into x.
                found[self.names[index]] = x
        return found
