"""What is minimised, whether a network is trained or a picture optimised."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from rtstyle.errors import UsageError
from rtstyle.perceptual.backbones import find_backbone
from rtstyle.perceptual.losses import GRAM_NORMALISATIONS, STYLE_MEASURES, GramNormalisation, StyleMeasure, layer_weights

LARGEST_SEED = 2**32 - 1
SMALLEST_PAINTING_SIZE = 32
"""Short side of a painting in pixels: of a smaller one little is left in a loss network's later layers."""
WEIGHTS = ("content_weight", "style_weight", "total_variation_weight")


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """Loss network, layers and weights; losses are relative as a rule (see ``losses``), so weights carry over between paintings.

    Unfit values raise :class:`UsageError`.
    """

    loss_network: str = "vgg19"
    """``vgg19``, ``vgg16`` or ``resnet18``."""
    content_layers: dict[str, float] = field(default_factory=dict[str, float])
    """Layers and their weights (a plain list weights all the same); the loss network's usual ones if empty."""
    style_layers: dict[str, float] = field(default_factory=dict[str, float])
    style_measure: StyleMeasure = "relative"
    gram_normalisation: GramNormalisation = "pixels"
    content_weight: float = 1.0
    """Alpha in Gatys et al. 2016, eq. 7."""
    style_weight: float = 10.0
    """Beta."""
    total_variation_weight: float = 0.1
    painting_size: int = 512
    """Short side of the painting when its gram matrices are taken; it sets how broad the strokes are."""

    def __post_init__(self) -> None:
        check_choice(self, "style_measure", STYLE_MEASURES)
        check_choice(self, "gram_normalisation", GRAM_NORMALISATIONS)
        for name in WEIGHTS:
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise UsageError(f"{name} is {value}; it must be a number, at least 0")
        if self.painting_size < SMALLEST_PAINTING_SIZE:
            raise UsageError(f"painting_size is {self.painting_size}; it must be at least {SMALLEST_PAINTING_SIZE}")
        backbone = find_backbone(self.loss_network)
        for name, usual in (("content_layers", backbone.content_layers), ("style_layers", backbone.style_layers)):
            object.__setattr__(self, name, layer_weights(getattr(self, name) or usual))

    @property
    def layers(self) -> tuple[str, ...]:
        """All layers that the losses ask the loss network for."""
        return tuple(dict.fromkeys((*self.style_layers, *self.content_layers)))


def check_seed(seed: int) -> None:
    """Raise :class:`UsageError` where it is beyond what every generator takes."""
    if not 0 <= seed <= LARGEST_SEED:
        raise UsageError(f"seed is {seed}; it must be a whole number from 0 to {LARGEST_SEED}")


def check_choice(config: object, name: str, legal: tuple[str, ...]) -> None:
    """Raise :class:`UsageError` where the field ``name`` is none of ``legal``."""
    value = getattr(config, name)
    if value not in legal:
        raise UsageError(f"{name} is '{value}'; legal: {', '.join(legal)}")
