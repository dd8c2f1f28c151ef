"""What an optimised picture depends on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch

from rtstyle.errors import UsageError
from rtstyle.perceptual.backbones import find_backbone
from rtstyle.perceptual.losses import GRAM_NORMALISATIONS, STYLE_MEASURES, GramNormalisation, StyleMeasure, layer_weights
from rtstyle.perceptual.network import LossNetwork
from rtstyle.pixels import Size, scaled_size

SMALLEST_SIDE = 32
SEEN_AT_ONCE = 512
"""Short side up to which one scale is enough, in pixels."""
USUAL_RATES = {"lbfgs": 1.0, "adam": 0.02}


@dataclass(frozen=True, kw_only=True)
class OptimizeConfig:
    """How a picture is optimised; weights and layers mean what they mean in a training recipe. Unfit values: UsageError."""

    iterations: int = 300
    """At the coarsest scale; each finer one takes half as many as the one before."""
    optimizer: Literal["lbfgs", "adam"] = "lbfgs"
    learning_rate: float | None = None
    """1 for L-BFGS and 0.02 for Adam if None."""
    start: Literal["content", "noise"] = "content"
    size: int | None = None
    """Short side of the result, in pixels; None keeps the photo's size."""
    scales: int = 0
    """How often the picture is worked on, each time at twice the size; 0: as often as its size asks for."""
    painting_size: int = 512
    """Short side of the painting at the finest scale: it sets how broad the strokes are."""
    loss_network: str = "vgg19"
    content_layers: dict[str, float] = field(default_factory=dict[str, float])
    """Layers and their weights; the loss network's usual ones if empty."""
    style_layers: dict[str, float] = field(default_factory=dict[str, float])
    style_measure: StyleMeasure = "relative"
    gram_normalisation: GramNormalisation = "pixels"
    content_weight: float = 1.0
    """Alpha."""
    style_weight: float = 10.0
    """Beta."""
    total_variation_weight: float = 0.1
    seed: int = 1

    def __post_init__(self) -> None:
        for name, legal in (
            ("optimizer", tuple(USUAL_RATES)),
            ("start", ("content", "noise")),
            ("style_measure", STYLE_MEASURES),
            ("gram_normalisation", GRAM_NORMALISATIONS),
        ):
            if getattr(self, name) not in legal:
                raise UsageError(f"{name} is '{getattr(self, name)}'; legal: {', '.join(legal)}")
        for name, least in (("iterations", 1), ("scales", 0), ("painting_size", SMALLEST_SIDE), ("size", SMALLEST_SIDE)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(f"{name} is {value}; it must be at least {least}")
        if self.learning_rate is not None and self.learning_rate <= 0:
            raise UsageError(f"learning_rate is {self.learning_rate}; it must be above 0")
        backbone = find_backbone(self.loss_network)
        for name, usual in (("content_layers", backbone.content_layers), ("style_layers", backbone.style_layers)):
            object.__setattr__(self, name, layer_weights(getattr(self, name) or usual))

    def open_loss_network(self, device: torch.device, weights: Path | None = None) -> LossNetwork:
        """The loss network with the layers that are needed, from a file, its environment variable or a download."""
        return LossNetwork((*self.content_layers, *self.style_layers), weights=weights, name=self.loss_network).to(device)

    def plan(self, size: Size) -> list[tuple[Size, int]]:
        """For a photo of ``size``: the sizes (height, width) to work at, coarse to fine, and the iterations at each."""
        height, width = size if self.size is None else scaled_size(size, self.size)
        if min(height, width) < SMALLEST_SIDE:
            raise UsageError(f"a picture of {width}x{height} is too small: both sides need at least {SMALLEST_SIDE} pixels")
        scales = self.scales
        if not scales:
            scales = 1
            while min(height, width) >> (scales - 1) > SEEN_AT_ONCE:
                scales += 1
        if min(height, width) >> (scales - 1) < SMALLEST_SIDE:
            raise UsageError(
                f"{scales} scales are too many for {width}x{height}: the coarsest has less than {SMALLEST_SIDE} pixels"
            )
        halvings = range(scales - 1, -1, -1)
        return [((height >> h, width >> h), max(1, self.iterations >> (scales - 1 - h))) for h in halvings]
