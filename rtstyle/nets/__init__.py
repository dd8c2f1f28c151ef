"""The style networks by name: the tool's own and the ones it is measured against."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from rtstyle.errors import UsageError
from rtstyle.fields import check_kinds
from rtstyle.nets.aonet import AONet, AONetConfig
from rtstyle.nets.base import NetworkConfig, StyleNetwork
from rtstyle.nets.johnson import JohnsonConfig, JohnsonNet
from rtstyle.nets.texture import TextureConfig, TextureNet
from rtstyle.nets.transformer import NetConfig, TransformerNet
from rtstyle.nets.vgg_decoder import VGGDecoderConfig, VGGDecoderNet

__all__ = ["ARCHITECTURES", "NetworkConfig", "StyleNetwork", "architecture", "build_network", "network_config", "network_table"]

ARCHITECTURES: dict[str, tuple[type[NetworkConfig], type[Any]]] = {
    TransformerNet.arch: (NetConfig, TransformerNet),
    JohnsonNet.arch: (JohnsonConfig, JohnsonNet),
    AONet.arch: (AONetConfig, AONet),
    VGGDecoderNet.arch: (VGGDecoderConfig, VGGDecoderNet),
    TextureNet.arch: (TextureConfig, TextureNet),
}
"""Name -> the config's class and the network's class, a :class:`StyleNetwork`."""


def network_config(table: Mapping[str, Any]) -> NetworkConfig:
    """The config of ``{"arch": name, ...fields}``; no arch means ``transformer``. Raises :class:`UsageError`."""
    values = dict(table)
    arch = str(values.pop("arch", TransformerNet.arch)).replace("-", "_")
    if arch not in ARCHITECTURES:
        raise UsageError(f"unknown network '{arch}'; legal: {', '.join(ARCHITECTURES)}")
    kind = ARCHITECTURES[arch][0]
    known = [field.name for field in dataclasses.fields(kind)]
    for name in values:
        if name not in known:
            raise UsageError(f"network '{arch}' has no setting '{name}'; legal: {', '.join(known) or 'none'}")
    check_kinds(kind, values, f"network '{arch}'")
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise UsageError(f"network '{arch}': {error}") from error


def architecture(config: NetworkConfig) -> str:
    """The name of the network that ``config`` describes."""
    return next(name for name, (kind, _) in ARCHITECTURES.items() if type(config) is kind)


def build_network(table: Mapping[str, Any] | NetworkConfig) -> StyleNetwork:
    """A freshly initialised network from a config or its table (``{"arch": "transformer", "width": 8, ...}``).

    Raises :class:`UsageError` for an unknown name, an unknown setting or an unfit value.
    """
    config = table if isinstance(table, NetworkConfig) else network_config(table)
    return ARCHITECTURES[architecture(config)][1](config)


def network_table(network: StyleNetwork) -> dict[str, Any]:
    """The inverse of :func:`build_network`: plain data for recipes, checkpoints and manifests."""
    return {"arch": network.arch, **dataclasses.asdict(network.config)}
