"""Painting with every method, and measuring all results by the loss that the slow reference minimises."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import torch
from torch import nn

from rtstyle.compare.methods import OPTIMIZE, FeedForward
from rtstyle.optimize import Losses, OptimizeConfig, PictureLoss, Point, optimize
from rtstyle.optimize.loss import fit_painting
from rtstyle.pixels import Pixels, resize, scaled_size

LEAST_RUNS = 3
LEAST_SECONDS = 0.5


@dataclass(frozen=True)
class Result:
    """One picture by one method."""

    picture: Pixels
    seconds: float
    losses: Losses


@dataclass
class Comparison:
    """All results for one style at one size."""

    style: str
    size: int
    config: OptimizeConfig
    painting: Pixels
    photos: dict[str, Pixels]
    """By name, at the size painted."""
    unpainted: dict[str, Losses] = field(default_factory=dict[str, Losses])
    """The losses of the photos themselves."""
    results: dict[str, dict[str, Result]] = field(default_factory=dict[str, dict[str, Result]])
    """Per method and photo."""
    histories: dict[str, list[Point]] = field(default_factory=dict[str, list[Point]])
    """Per photo, how the reference went."""

    def mean(self, method: str, value: Callable[[Result], float]) -> float:
        """A figure's mean over the photos."""
        return statistics.fmean(value(result) for result in self.results[method].values())

    def equivalents(self, method: str) -> list[Equivalent]:
        """Per photo, how many iterations of the reference a method's pictures are worth."""
        results = self.results[method]
        return [iterations_equivalent(history, results[photo].losses.total) for photo, history in self.histories.items()]

    @property
    def seconds_an_iteration(self) -> float:
        """Of the reference, here; its iterations all cost the same."""
        spent = sum(result.seconds for result in self.results[OPTIMIZE].values())
        return spent / sum(history[-1].iteration for history in self.histories.values())


@dataclass(frozen=True)
class Equivalent:
    """Where the reference reaches a loss; ``reached`` is False where all its iterations did not (``iterations`` is then the
    last of them)."""

    iterations: float
    reached: bool


def iterations_equivalent(history: Sequence[Point], total: float) -> Equivalent:
    """The iteration, between two of them by interpolation, at which the best loss so far comes down to ``total``."""
    best = history[0].losses.total
    if best <= total:
        return Equivalent(0.0, True)
    for before, point in pairwise(history):
        now = min(best, point.losses.total)
        if now <= total:
            return Equivalent(before.iteration + (best - total) / (best - now), True)
        best = now
    return Equivalent(float(history[-1].iteration), False)


def compare_style(
    style: str,
    painting: Pixels,
    photos: Mapping[str, Pixels],
    painters: Sequence[FeedForward],
    config: OptimizeConfig,
    *,
    with_reference: bool,
    until_passed: bool = False,
    loss_network: nn.Module,
    device: torch.device,
    progress: Callable[[int], object] | None = None,
) -> Comparison:
    """Paint all ``photos``, scaled to ``config.size``, with all ``painters`` and, if asked for, with the reference.

    ``until_passed`` ends the reference where its loss is as low as every painter's: that is all that iterations-equivalent
    needs. ``progress(n)`` is called after each n pieces of work: an iteration of the reference or a picture.
    """
    assert config.size is not None
    size = config.size
    # The reference works at one scale, as in Johnson et al.'s comparison: every iteration then means the same.
    scaled = {name: resize(p, scaled_size((p.shape[0], p.shape[1]), size, multiple=8)).copy() for name, p in photos.items()}
    found = Comparison(style, size, config, painting, scaled)
    for name, photo in scaled.items():
        shape = (photo.shape[0], photo.shape[1])
        loss = PictureLoss(config, loss_network, photo, fit_painting(painting, config, shape, shape), device)
        found.unpainted[name] = loss.measure(photo)
        for painter in painters:
            picture, seconds = timed(lambda painter=painter, photo=photo: painter(photo))
            found.results.setdefault(painter.method, {})[name] = Result(picture, seconds, loss.measure(picture))
            if progress is not None:
                progress(1)
        if with_reference:
            lowest = min((found.results[painter.method][name].losses.total for painter in painters), default=0.0)
            _reference(found, name, loss, lowest if until_passed else 0.0, progress)
    return found


def _reference(found: Comparison, name: str, loss: PictureLoss, enough: float, progress: Callable[[int], object] | None) -> None:
    def listen(point: Point, _picture: Callable[[], Pixels]) -> bool:
        if progress is not None and point.iteration:
            progress(1)
        # One iteration is made in any case, to know what it costs.
        return point.iteration == 0 or point.losses.total > enough

    # The photo has its size already, in multiples of 8: `config.size` may be none, and others would be measured at another size.
    photo, config = found.photos[name], replace(found.config, size=None)
    done = optimize(photo, found.painting, config, loss_network=loss.loss_network, device=loss.device, listener=listen)
    if progress is not None:
        progress(config.iterations - done.history[-1].iteration)
    found.histories[name] = done.history
    found.results.setdefault(OPTIMIZE, {})[name] = Result(done.picture, done.seconds, loss.measure(done.picture))


def timed(paint: Callable[[], Pixels]) -> tuple[Pixels, float]:
    """A picture and the median seconds that it takes, once warm; results arrive on the CPU, so no device is left working."""
    picture = paint()
    spent: list[float] = []
    while len(spent) < LEAST_RUNS or (sum(spent) < LEAST_SECONDS and len(spent) < 20):
        began = time.perf_counter()
        picture = paint()
        spent.append(time.perf_counter() - began)
    return picture, statistics.median(spent)
