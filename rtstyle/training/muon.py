"""Muon for convolution kernels: momentum whose directions all count alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

MOMENTUM = 0.95
ROUNDS = 5
"""Newton-Schulz iterations: enough for singular values between 0.7 and 1.2."""
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic iteration: the steepest at 0 that stays near 1."""
COLOURS = 12
"""Outputs of a layer that paints, three colours of 2x2 pixels: not a hidden layer's."""


class Muon(torch.optim.Optimizer):
    """Steps along the orthogonalised momentum, each ``lr`` of the kernel's own size.

    Jordan et al. 2024 (https://kellerjordan.github.io/posts/muon/), for kernels (O, I, H, W) taken as matrices (O, I*H*W); the
    step is scaled to the kernel's root mean square, so that one rate fits networks of every width, instead of by its shape.
    torch.optim.Muon takes matrices only.
    """

    def __init__(self, params: Iterable[Tensor] | Iterable[dict[str, Any]], lr: float) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step; no closure is taken, since none is ever needed."""
        for group in self.param_groups:
            for kernel in group["params"]:
                if kernel.grad is not None:
                    self._move(kernel, kernel.grad, group["lr"])

    def _move(self, kernel: Tensor, gradient: Tensor, rate: float) -> None:
        state = self.state[kernel]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(kernel)
        momentum: Tensor = state["momentum"].mul_(MOMENTUM).add_(gradient)
        ahead = gradient.add(momentum, alpha=MOMENTUM)
        direction = orthogonalise(ahead.flatten(1)).view(ahead.shape)
        size = kernel.square().mean().sqrt() / direction.square().mean().sqrt().clamp_min(1e-12)
        kernel.sub_(direction * (rate * size))


def orthogonalise(matrix: Tensor) -> Tensor:
    """The orthogonal matrix nearest to ``matrix`` (M, N), about: singular values near 1, the same singular vectors."""
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(ROUNDS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x


def is_hidden_kernel(parameter: Tensor) -> bool:
    """Whether Muon is for it: the kernel of a convolution whose result stays inside the network. The rest is Adam's."""
    return parameter.ndim == 4 and parameter.shape[0] > COLOURS
