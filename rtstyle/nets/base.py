"""What every style network promises, so that the trainer, the runtime and the reports take any of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from rtstyle.errors import UsageError
from rtstyle.nets.layers import ConditionalInstanceNorm, StyleReader


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Everything that defines a network's shape; one subclass per architecture. Unfit values raise ValueError."""

    @property
    def multiple(self) -> int:
        """Height and width that the network takes are multiples of this; the caller pads and crops."""
        raise NotImplementedError


class StyleNetwork(nn.Module, ABC):
    """Paints a batch of pictures in the styles given as vectors.

    A style vector (D,) holds scale and shift of every norm in the order in which the forward pass meets them, and
    the mix last; the zero vector gives (nearly) the picture back, ``s * vector`` a strength of ``s``.
    """

    arch: ClassVar[str]
    """The name in recipes and manifests."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config

    @property
    def multiple(self) -> int:
        """Height and width that the network takes are multiples of this; the caller pads and crops."""
        return self.config.multiple

    @property
    def style_size(self) -> int:
        """D, the length of a style vector."""
        return len(self.neutral_style())

    def norms(self) -> Iterator[ConditionalInstanceNorm]:
        """The norms in the order in which the forward pass reads the style vector."""
        for module in self.modules():
            if isinstance(module, ConditionalInstanceNorm):
                yield module

    def neutral_style(self) -> Tensor:
        """The vector (D,) training starts from: plain instance norm (scale 1, shift 0, mix 1)."""
        parts = [torch.cat((torch.ones(n.channels), torch.zeros(n.channels))) for n in self.norms()]
        return torch.cat((*parts, torch.ones(1)))

    def load_pretrained(self, loss_network: str, weights: Path | None) -> None:
        """Fetch what the network borrows from a classifier, before training from scratch; most borrow nothing.

        ``weights`` is the file of the classifier ``loss_network``, and serves where that is the one borrowed from.
        """

    def borrowed(self) -> list[nn.Parameter]:
        """The parameters that came with :meth:`load_pretrained` and train on, at a rate that does not wash them out."""
        return []

    def with_noise(self, style: Tensor, amount: float) -> Tensor:
        """The style with its noise ``amount`` times as loud; raises :class:`UsageError` where the network has none."""
        raise UsageError(f"the network '{self.arch}' paints without noise; only texture takes it")

    def begin_step(self, step: int) -> None:
        """Told the number of every training step before it is made, for what a network draws anew each time; most draw none."""

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Paint.

        ``x``: (N, 3, H, W) RGB in [0, 1], H and W multiples of :attr:`multiple`.
        ``style``: (N, D) or (D,).
        Returns (N, 3, H, W) in [0, 1].
        """
        return self.decode(*self.features(x, style))

    @abstractmethod
    def features(self, x: Tensor, style: Tensor) -> tuple[Tensor, StyleReader]:
        """The features (N, C, h, w) that should stand still where the scene does, and what is left of the style."""

    @abstractmethod
    def decode(self, x: Tensor, reader: StyleReader) -> Tensor:
        """From features to the picture."""
