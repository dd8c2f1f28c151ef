"""The descent: L-BFGS or Adam on the pixels, from coarse to fine.

A loss network sees only so far: what it gets wrong at full size it gets right at half (Gatys et al. 2017, Controlling
Perceptual Factors in Neural Style Transfer, arXiv 1611.07865, sec. 6).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rtstyle.errors import RTStyleError
from rtstyle.optimize.config import USUAL_RATES, OptimizeConfig
from rtstyle.optimize.loss import Losses, PictureLoss, as_picture, fit_painting
from rtstyle.perceptual.network import IMAGENET_MEAN
from rtstyle.pixels import Pixels, Size, resize, to_uint8
from rtstyle.system.memory import reusing_memory

MEMORY = 20
"""Steps that L-BFGS remembers."""
NOISE = 1 / 255
"""Standard deviation of the noise to start from, about the loss network's mean colour: as in the code that Johnson et al.
published for their own comparison (jcjohnson/fast-neural-style, slow_neural_style.lua)."""
RUNAWAY = 4.0
"""How far above the best the loss may climb ..."""
CLIMBS = 6
"""... for so many steps, before the descent goes back there, with a shorter step. Single climbs are L-BFGS finding its scale."""
PATIENCE = 8
"""How often that may happen at one scale."""


@dataclass(frozen=True)
class Point:
    """The losses after ``iteration`` of ``iterations``, at a short side of ``size`` pixels."""

    iteration: int
    iterations: int
    size: int
    losses: Losses


@dataclass(frozen=True)
class Optimised:
    """The result, uint8 (H, W, 3), the losses from the start to it, and the seconds that the iterations took by themselves."""

    picture: Pixels
    history: list[Point]
    seconds: float


DescentListener = Callable[[Point, Callable[[], Pixels]], bool | None]
"""Told of every point, with a function that gives the picture whose losses these are; returning False ends the work with it."""


def optimize(
    photo: Pixels,
    painting: Pixels,
    config: OptimizeConfig,
    *,
    loss_network: nn.Module,
    device: torch.device,
    listener: DescentListener | None = None,
) -> Optimised:
    """Paint ``photo`` in the style of ``painting``, both uint8 (H, W, 3).

    ``loss_network`` as :meth:`OptimizeConfig.open_loss_network` makes it. The same arguments give the same picture.
    Raises :class:`UsageError` for a photo that is too small and :class:`RTStyleError` where the losses diverge.
    """
    plan = config.plan((photo.shape[0], photo.shape[1]))
    finest = plan[-1][0]
    iterations = sum(budget for _, budget in plan)
    history: list[Point] = []
    picture: Pixels | None = None
    done = 0
    seconds = 0.0
    with _repeatable():
        for size, budget in plan:
            loss = PictureLoss(config, loss_network, resize(photo, size), fit_painting(painting, config, size, finest), device)
            descent = _Descent(_start(photo, picture, size, config, device), loss, config)
            for step in range(budget + 1):
                if step:
                    began = time.perf_counter()
                    with reusing_memory():
                        descent.step()
                    seconds += time.perf_counter() - began
                history.append(Point(done + step, iterations, min(size), descent.losses))
                if listener is not None and listener(history[-1], descent.picture) is False:
                    return Optimised(descent.picture(), history, seconds)
            done += budget
            picture = descent.picture()
    assert picture is not None  # a plan has at least one size
    return Optimised(picture, history, seconds)


def _start(photo: Pixels, coarser: Pixels | None, size: Size, config: OptimizeConfig, device: torch.device) -> Tensor:
    if coarser is None and config.start == "noise":
        generator = torch.Generator().manual_seed(config.seed)
        mean = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
        return (mean + NOISE * torch.randn(1, 3, *size, generator=generator)).to(device)
    return as_picture(resize(photo if coarser is None else coarser, size), device)


class _Descent:
    """One scale's picture on its way down, always within [0, 1], and its ``losses``."""

    def __init__(self, start: Tensor, loss: PictureLoss, config: OptimizeConfig) -> None:
        self.pixels = nn.Parameter(start.contiguous())
        self.loss = loss
        self.config = config
        self.rate = config.learning_rate or USUAL_RATES[config.optimizer]
        self.optimizer = self._fresh_optimizer()
        self.best = math.inf
        self.best_pixels = self.pixels.detach().clone()
        self.climbs = 0
        self.returns = 0
        self.losses = self._measure()

    def picture(self) -> Pixels:
        """As it is now: uint8 (H, W, 3)."""
        return to_uint8(self.pixels.detach())[0].cpu().numpy()

    def step(self) -> None:
        """One iteration: on along the gradients, or back to the best picture where they led astray."""
        total = self.losses.total
        if total < self.best:
            self.best, self.best_pixels = total, self.pixels.detach().clone()
        self.climbs = 0 if total < RUNAWAY * self.best else self.climbs + 1
        if self.climbs == CLIMBS or not math.isfinite(total):
            self._go_back()
        else:
            self.optimizer.step(lambda: total)
        with torch.no_grad():
            # Projected after every step, as in Johnson et al. 2016, sec. 4.1, which keeps to [0, 255] so.
            self.pixels.clamp_(0.0, 1.0)
        self.losses = self._measure()

    def _measure(self) -> Losses:
        """The losses of the picture as it is now; leaves the gradients for the next step."""
        self.optimizer.zero_grad()
        total, losses = self.loss(self.pixels)
        total.backward()
        return losses

    def _go_back(self) -> None:
        self.climbs = 0
        self.returns += 1
        if self.returns > PATIENCE or not math.isfinite(self.best):
            raise RTStyleError(f"the optimisation does not converge (loss {self.losses.total:.3g}); lower --lr or the weights")
        self.rate /= 2
        with torch.no_grad():
            self.pixels.copy_(self.best_pixels)
        self.optimizer = self._fresh_optimizer()

    def _fresh_optimizer(self) -> torch.optim.Optimizer:
        if self.config.optimizer == "adam":
            return torch.optim.Adam([self.pixels], lr=self.rate)
        # One iteration a step, so that every one of them can be watched; tolerances of 0: the caller decides when to stop.
        return torch.optim.LBFGS(
            [self.pixels], lr=self.rate, max_iter=1, history_size=MEMORY, tolerance_grad=0, tolerance_change=0
        )


@contextmanager
def _repeatable() -> Generator[None]:
    """Have cuDNN choose the same algorithms every time."""
    before = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    try:
        yield
    finally:
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = before
