"""Which styles a batch is painted in."""

from __future__ import annotations

import torch
from torch import Tensor


def draw_styles(shares: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Indices (count,) of styles, each in the long run as often as its share says, and as spread out in one batch as can be.

    Systematic sampling: the shares (S,), none below 0, stand side by side in random order, and ``count`` marks at equal distances
    fall on them.
    """
    order = torch.randperm(len(shares), generator=generator)
    edges = shares[order].double().cumsum(0)
    marks = (torch.arange(count) + torch.rand(1, generator=generator)) * edges[-1] / count
    return order[torch.searchsorted(edges, marks, right=True).clamp_max(len(shares) - 1)]
