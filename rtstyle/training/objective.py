"""What a training step minimises: content, style, smoothness, steadiness, and the photo itself at strength 0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rtstyle.nets import StyleNetwork
from rtstyle.perceptual.losses import (
    content_loss,
    feature_temporal_loss,
    lattice_loss,
    luminance,
    style_loss,
    temporal_loss,
    total_variation,
)
from rtstyle.training.motion import Motion, add_noise, expose
from rtstyle.training.recipe import Recipe


@dataclass(frozen=True)
class StepLosses:
    """``total`` (scalar, to differentiate) and the unweighted parts, per picture (N,), for the log."""

    total: Tensor
    parts: dict[str, Tensor]


class Objective:
    """The weighted losses of one batch."""

    def __init__(
        self, recipe: Recipe, loss_network: nn.Module, targets: Mapping[str, Tensor], generator: torch.Generator
    ) -> None:
        """``targets``: per style layer, what ``style_target`` makes of the paintings, gram matrices (S, C, C) as a rule."""
        self.recipe = recipe
        self.loss_network = loss_network
        self.targets = targets
        self.generator = generator
        self.style_weights = torch.tensor([style.style_weight for style in recipe.styles])

    def __call__(
        self, network: StyleNetwork, photos: Tensor, vectors: Tensor, chosen: Tensor, taught: Tensor | None = None
    ) -> StepLosses:
        """``photos`` (N, 3, S, S); ``vectors`` (N, D), one style each; ``chosen`` (N,) their indices.

        ``taught`` (N, 3, S, S): how a teacher painted the photos.
        """
        recipe = self.recipe
        count = photos.shape[0]
        strength = self._strengths(count).to(photos.device)
        vectors = vectors * strength[:, None]

        painted, steadiness = self._paint(network, photos, vectors)
        with torch.no_grad():
            target = self.loss_network(photos)
        features = self.loss_network(painted)
        parts = {
            "content": content_loss(features, target, recipe.content_layers),
            "style": style_loss(
                features,
                {layer: target[chosen] for layer, target in self.targets.items()},
                recipe.style_layers,
                measure=recipe.style_measure,
                normalisation=recipe.gram_normalisation,
            ),
            "variation": total_variation(painted),
            "distance": (painted.float() - photos).square().mean((1, 2, 3)),
            **steadiness,
        }
        style_weight = recipe.style_weight * self.style_weights.to(photos.device)[chosen] * strength.square()
        total = (
            recipe.content_weight * parts["content"]
            + style_weight * parts["style"]
            + recipe.total_variation_weight * strength * parts["variation"]
            + recipe.reconstruction_weight * (1 - strength).square() * parts["distance"]
        )
        if recipe.lattice_weight:
            parts["lattice"] = lattice_loss(painted, network.config.multiple)
            total = total + recipe.lattice_weight * parts["lattice"]
        if taught is not None:
            parts["teacher"] = (painted.float() - taught).square().mean((1, 2, 3))
            total = total + recipe.teacher_weight * strength.square() * parts["teacher"]
        if steadiness:
            total = total + recipe.temporal_weight * parts["temporal"] + recipe.feature_temporal_weight * parts["features"]
        # Parts are logged at full strength only: the others are not meant to look like the painting.
        full = strength == 1
        return StepLosses(total.mean(), {name: value.detach()[full] for name, value in parts.items()})

    def _strengths(self, count: int) -> Tensor:
        drawn = torch.rand(count, generator=self.generator)
        weaker = torch.rand(count, generator=self.generator) < self.recipe.strength_share
        # A third of the weaker ones at exactly 0, the end that must give the photo back.
        drawn = (drawn * 1.5 - 0.5).clamp_min(0)
        return torch.where(weaker, drawn, torch.ones(count))

    def _paint(self, network: StyleNetwork, photos: Tensor, vectors: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Paint the photos; where steadiness counts, also a moved copy, and measure what moved wrongly."""
        recipe = self.recipe
        if not recipe.temporal_weight:
            return network(photos, vectors), {}
        height, width = photos.shape[-2:]
        motion = Motion.random(photos.shape[0], (height, width), recipe.motion, self.generator).to(photos.device)
        still = motion.warp(photos)
        moved = expose(still, recipe.motion, self.generator)
        change = luminance(moved - still)
        moved = add_noise(moved, recipe.motion, self.generator)

        features, reader = network.features(torch.cat((photos, moved)), vectors.repeat(2, 1))
        first, second = network.decode(features, reader).chunk(2)
        first_features, second_features = features.chunk(2)
        return first, {
            "temporal": temporal_loss(second, motion.warp(first), motion.mask, change),
            "features": feature_temporal_loss(
                second_features,
                motion.warp(first_features),
                nn.functional.interpolate(motion.mask, size=features.shape[-2:]),
            ),
        }
