"""Weights small enough to be timed in no time."""

from __future__ import annotations

from pathlib import Path

import torch

from rtstyle.nets.transformer import NetConfig, TransformerNet
from rtstyle.training.export import export_tier
from rtstyle.training.recipe import Recipe, StyleSource

CPU = torch.device("cpu")
TINY = NetConfig(width=2, blocks=0, deep_blocks=1)


def weights_with(folder: Path, *tiers: str) -> Path:
    """A weights folder of tiny networks with one style each."""
    for tier in tiers:
        network = TransformerNet(TINY)
        recipe = Recipe(tier=tier, net=TINY, styles=(StyleSource(name="wave", image="w.jpg"),))
        export_tier(network, network.neutral_style()[None], recipe, folder, steps=1)
    return folder
