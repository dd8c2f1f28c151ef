"""Which optimizer trains which parameters, and at what rate."""

from __future__ import annotations

from typing import Any

from torch import nn

from rtstyle.errors import UsageError
from rtstyle.nets import StyleNetwork
from rtstyle.training.muon import is_hidden_kernel
from rtstyle.training.recipe import Recipe

BORROWED_RATE = 0.03
"""Share of the learning rate at which a classifier's layers train on. At the full rate Adam takes them, whose weights are small,
apart within a few steps, and with them what the decoder reads the photo from."""

Group = dict[str, Any]


def parameter_groups(
    recipe: Recipe, network: StyleNetwork, table: nn.Module, *, freeze_network: bool
) -> tuple[list[Group], Group | None]:
    """Adam's (or L-BFGS's) groups, and Muon's where the recipe asks for it and there are hidden kernels to train.

    Parameters of ``network`` and ``table`` that are in no group are told to want no gradient.
    Raises :class:`UsageError` where the recipe trains a part of a network that is to stay as it is.
    """
    groups, kernels = _groups(recipe, network, table, freeze_network=freeze_network)
    trained = {p for group in (*groups, *([kernels] if kernels else [])) for p in group["params"]}
    for p in (*network.parameters(), *table.parameters()):
        if p not in trained:
            p.requires_grad_(False)
    return groups, kernels


def _groups(recipe: Recipe, network: StyleNetwork, table: nn.Module, *, freeze_network: bool) -> tuple[list[Group], Group | None]:
    if recipe.trains == "photo_term":
        if freeze_network:
            raise UsageError("trains = photo_term is for networks, and the network stays as it is here: add --full")
        terms = [p for norm in network.norms() for p in (norm.photo_gain, norm.photo_bias)]
        return [{"params": terms, "lr": recipe.learning_rate}], None
    groups: list[Group] = [{"params": list(table.parameters()), "lr": recipe.vector_learning_rate}]
    if freeze_network or recipe.trains == "vectors":
        return groups, None
    borrowed = network.borrowed()
    own = [p for p in network.parameters() if p not in set(borrowed)]
    kernels = [p for p in own if recipe.optimizer == "muon" and is_hidden_kernel(p)]
    hidden = set(kernels)
    groups.append({"params": [p for p in own if p not in hidden], "lr": recipe.learning_rate})
    if borrowed:
        groups.append({"params": borrowed, "lr": BORROWED_RATE * recipe.learning_rate})
    return groups, {"params": kernels, "lr": recipe.kernel_learning_rate} if kernels else None
