"""Begin a wide network where a trained narrow one ends: Net2WiderNet (Chen et al. 2016, arXiv 1511.05641, section 2.3).

Every channel is doubled, as often as it takes. The two copies share the weights that lead on from them in random parts, so that
the wide network paints exactly as the narrow one, and its training takes the copies apart from the first step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor, nn

from rtstyle.errors import UsageError
from rtstyle.nets.layers import ConditionalInstanceNorm
from rtstyle.nets.transformer import NetConfig, TransformerNet

Module = TypeVar("Module", bound=nn.Module)

LEAST_SHARE = 0.2
"""Of a weight that two copies share, each keeps at least this part."""


def widen(network: TransformerNet, vectors: Tensor, config: NetConfig) -> tuple[TransformerNet, Tensor]:
    """A network of shape ``config``, 2, 4, 8... times as wide as ``network``, and the style vectors (S, D) for it.

    Draws from torch's global generator. Raises :class:`UsageError` where ``config`` is not ``network``'s at such a width.
    """
    old = network.config
    times, rest = divmod(config.width, old.width)
    if rest or times < 2 or times & (times - 1) or replace(config, width=old.width) != old:
        raise UsageError(f"a network {old} can be widened to 2, 4, 8... times its width, not to {config}")
    while network.config != config:
        network, vectors = _double(network, vectors)
    return network, vectors


def _double(network: TransformerNet, vectors: Tensor) -> tuple[TransformerNet, Tensor]:
    """The network at twice its width, and the vectors (S, D) for it, (S, 2 * D - 1)."""
    wide = TransformerNet(replace(network.config, width=2 * network.config.width))
    first, last = next(_modules(network, nn.Conv2d)), network.head  # colours come in and go out: those are not doubled
    with torch.no_grad():
        for narrow, into in zip(_modules(network, nn.Conv2d), _modules(wide, nn.Conv2d), strict=True):
            _widen_conv(narrow, into, inputs=narrow is not first, outputs=narrow is not last)
        for narrow, into in zip(_modules(network, ConditionalInstanceNorm), _modules(wide, ConditionalInstanceNorm), strict=True):
            into.photo_gain.copy_(narrow.photo_gain.repeat(2))
            into.photo_bias.copy_(narrow.photo_bias.repeat(2))
    return wide, _widen_vectors(network, vectors)


def _modules(network: nn.Module, kind: type[Module]) -> Iterator[Module]:
    return (module for module in network.modules() if isinstance(module, kind))


def _widen_conv(narrow: nn.Conv2d, into: nn.Conv2d, *, inputs: bool, outputs: bool) -> None:
    weight, bias = narrow.weight, narrow.bias
    if outputs:
        weight = weight.repeat(2, 1, 1, 1)
        bias = bias.repeat(2) if bias is not None else None
    if inputs:
        share = LEAST_SHARE + (1 - 2 * LEAST_SHARE) * torch.rand(*weight.shape[:2], 1, 1)
        weight = torch.cat((weight * share, weight * (1 - share)), dim=1)
    into.weight.copy_(weight)
    if bias is not None and into.bias is not None:
        into.bias.copy_(bias)


def _widen_vectors(network: TransformerNet, vectors: Tensor) -> Tensor:
    sizes = [norm.channels for norm in network.norms() for _ in ("scale", "shift")]
    *parts, mix = vectors.split([*sizes, 1], dim=1)
    return torch.cat([*(part.repeat(1, 2) for part in parts), mix], dim=1)
