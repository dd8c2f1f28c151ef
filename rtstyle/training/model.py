"""What is trained: a network and a table of style vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rtstyle.nets import StyleNetwork
from rtstyle.training.objective import Objective, StepLosses


class StyleTable(nn.Module):
    """The trainable style vectors (S, D - 1); the mix, the last element, is 1 by definition at full strength."""

    def __init__(self, vectors: Tensor) -> None:
        super().__init__()
        self.weights = nn.Parameter(vectors[:, :-1].clone())

    def forward(self) -> Tensor:
        """All vectors, (S, D)."""
        return torch.cat((self.weights, torch.ones_like(self.weights[:, :1])), dim=1)


class TrainingStep(nn.Module):
    """Network, vectors and objective as one module, so that DDP sees a single forward."""

    def __init__(self, network: StyleNetwork, table: StyleTable, objective: Objective) -> None:
        super().__init__()
        self.network = network
        self.table = table
        # In a tuple, so that the frozen loss network is neither a submodule nor saved nor synchronised.
        self._objective = (objective,)

    def forward(self, photos: Tensor, chosen: Tensor, taught: Tensor | None = None) -> StepLosses:
        """``photos`` and ``taught`` (N, 3, S, S) in [0, 1]; ``chosen`` (N,): the numbers of their styles."""
        return self._objective[0](self.network, photos, self.table()[chosen], chosen, taught)
