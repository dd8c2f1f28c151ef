"""One step down: Adam or Muon where the photos change from step to step, L-BFGS where they stay."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from rtstyle.errors import UsageError
from rtstyle.precision import autocast
from rtstyle.training.groups import Group
from rtstyle.training.muon import Muon
from rtstyle.training.objective import StepLosses
from rtstyle.training.recipe import Recipe
from rtstyle.training.workers import mean_over_workers

logger = logging.getLogger(__name__)

LARGEST_GRADIENT = 10.0
DIVERGED = 20.0
"""How many times its usual value the loss may be before the step counts as diverged."""
USUAL = 0.95
"""Factor of the running mean that is the usual value."""
MEMORY = 20
"""Steps that L-BFGS remembers."""


class Steps:
    """Changes the parameters of ``groups`` so that what ``forward(photos, chosen, taught)`` returns falls.

    ``kernels`` is the group that Muon is to train, where there is one.
    """

    def __init__(
        self,
        recipe: Recipe,
        forward: nn.Module,
        groups: Sequence[Group],
        device: torch.device,
        precision: torch.dtype,
        *,
        kernels: Group | None = None,
    ) -> None:
        self.recipe = recipe
        self.forward = forward
        self.device = device
        self.precision = precision
        self.rate_scale = 1.0
        """Halved whenever the numbers diverge."""
        self.usual: float | None = None
        by_muon = [kernels] if kernels else []
        self.trainable: list[nn.Parameter] = [p for group in (*groups, *by_muon) for p in group["params"]]
        self.optimizers: list[torch.optim.Optimizer]
        if recipe.optimizer == "lbfgs":
            self.optimizers = [self._lbfgs()]
        else:
            self.optimizers = [torch.optim.Adam(groups), *(Muon([group], group["lr"]) for group in by_muon)]
        self.base_rates = [group["lr"] for group in self._groups()]
        self.scaler = torch.amp.GradScaler(device.type, enabled=precision is torch.float16)  # type: ignore[attr-defined]

    def take(self, step: int, photos: Tensor, chosen: Tensor, taught: Tensor | None) -> StepLosses | None:
        """Step number ``step``; returns the losses it started from, or None where it was skipped as not finite."""
        if isinstance(self.optimizers[0], torch.optim.LBFGS):
            return self._descend(self.optimizers[0], step, photos, chosen, taught)
        factor = self.rate_scale * learning_rate_factor(step, self.recipe.steps, self.recipe.warmup)
        for group, rate in zip(self._groups(), self.base_rates, strict=True):
            group["lr"] = rate * factor
        losses = self._evaluate(photos, chosen, taught)
        for optimizer in self.optimizers:
            self.scaler.unscale_(optimizer)
        norm = nn.utils.clip_grad_norm_(self.trainable, LARGEST_GRADIENT)
        # The gradients' norm is already the same for all workers.
        total = mean_over_workers(float(losses.total.detach()), self.device)
        finite = math.isfinite(total) and bool(torch.isfinite(norm))
        wrong = self._diverged(total) if finite else "is not finite"
        if wrong:
            if finite or not self.scaler.is_enabled():  # what is too large for float16 is the scaler's to lower
                self._halve(step, wrong)
            self.scaler.update()
            return None
        self.usual = total if self.usual is None else USUAL * self.usual + (1 - USUAL) * total
        for optimizer in self.optimizers:
            self.scaler.step(optimizer)
        self.scaler.update()
        return losses

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs to go on alike."""
        return {
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "scaler": self.scaler.state_dict(),
            "rate_scale": self.rate_scale,
            "usual": self.usual,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` gave; raises KeyError or ValueError where it is of other parameters."""
        for optimizer, held in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(held)
        self.scaler.load_state_dict(state["scaler"])
        self.rate_scale, self.usual = state["rate_scale"], state["usual"]

    def _evaluate(self, photos: Tensor, chosen: Tensor, taught: Tensor | None) -> StepLosses:
        for parameter in self.trainable:
            parameter.grad = None
        with autocast(self.device, self.precision):
            losses: StepLosses = self.forward(photos, chosen, taught)
        self.scaler.scale(losses.total).backward()
        return losses

    def _groups(self) -> list[Group]:
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def _descend(
        self, lbfgs: torch.optim.LBFGS, step: int, photos: Tensor, chosen: Tensor, taught: Tensor | None
    ) -> StepLosses | None:
        """One iteration of L-BFGS with its line search: two evaluations at least."""
        found: list[StepLosses] = []
        before = [p.detach().clone() for p in self.trainable]

        def evaluate() -> Tensor:
            found.append(self._evaluate(photos, chosen, taught))
            return found[-1].total

        lbfgs.step(evaluate)  # type: ignore[arg-type]
        if torch.isfinite(found[0].total) and all(torch.isfinite(p).all() for p in self.trainable):
            return found[0]
        with torch.no_grad():
            for p, kept in zip(self.trainable, before, strict=True):
                p.copy_(kept)
        self._halve(step)
        self.optimizers = [self._lbfgs()]
        return None

    def _diverged(self, total: float) -> str:
        """What is wrong with a finite loss, or nothing."""
        far = self.usual is not None and total > DIVERGED * self.usual
        return f"is {total:.3g}, after {self.usual:.3g}" if far else ""

    def _halve(self, step: int, wrong: str = "is not finite") -> None:
        self.rate_scale /= 2
        logger.warning("step %d: the loss %s; step skipped, learning rate halved", step, wrong)

    def _lbfgs(self) -> torch.optim.LBFGS:
        return torch.optim.LBFGS(
            self.trainable,
            lr=self.rate_scale,
            max_iter=1,
            history_size=MEMORY,
            tolerance_grad=0,
            tolerance_change=0,
            line_search_fn="strong_wolfe",
        )


def check_optimizer(recipe: Recipe, *, freeze_network: bool, workers: int, precision: torch.dtype) -> None:
    """Raise :class:`UsageError` where Muon or L-BFGS is asked for and does not apply.

    L-BFGS compares gradients from one step to the next, so everything has to stay as it is between them: one batch of photos, the
    same for all steps, and nothing drawn at random.
    """
    if recipe.optimizer == "muon" and freeze_network:
        raise UsageError("Muon trains a network's kernels, and the network stays as it is here: add --full, or use adam")
    if recipe.optimizer != "lbfgs":
        return
    if not freeze_network:
        raise UsageError("L-BFGS needs the same photos at every step, too few to train a network on: use adam with --full")
    if recipe.temporal_weight or recipe.strength_share:
        raise UsageError("L-BFGS needs steps without chance: set temporal_weight and strength_share to 0, or use adam")
    if workers > 1 or precision is torch.float16:
        raise UsageError("L-BFGS runs in one process and not in float16: use adam here")


def learning_rate_factor(step: int, steps: int, warmup: int) -> float:
    """In [0, 1]: linear warm-up, then half a cosine down to a hundredth."""
    if step < warmup:
        return (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, steps - warmup))
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress))
