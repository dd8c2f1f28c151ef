"""What an optimised picture depends on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from rtstyle.errors import UsageError
from rtstyle.perceptual.config import LossConfig, check_choice, check_seed
from rtstyle.perceptual.network import LossNetwork
from rtstyle.pixels import Size, scaled_size

SMALLEST_SIDE = 32
SEEN_AT_ONCE = 512
"""Short side up to which one scale is enough, in pixels."""
USUAL_RATES = {"lbfgs": 1.0, "adam": 0.02}


@dataclass(frozen=True, kw_only=True)
class OptimizeConfig(LossConfig):
    """How a picture is optimised; ``painting_size`` counts at the finest scale. Unfit values raise :class:`UsageError`."""

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
    seed: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_seed(self.seed)
        check_choice(self, "optimizer", tuple(USUAL_RATES))
        check_choice(self, "start", ("content", "noise"))
        for name, least in (("iterations", 1), ("scales", 0), ("size", SMALLEST_SIDE)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(f"{name} is {value}; it must be at least {least}")
        if self.learning_rate is not None and not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise UsageError(f"learning_rate is {self.learning_rate}; it must be a number above 0")

    def open_loss_network(self, device: torch.device, weights: Path | None = None) -> LossNetwork:
        """The loss network with the layers that are needed, from a file, its environment variable or a download."""
        return LossNetwork(self.layers, weights=weights, name=self.loss_network).to(device)

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
