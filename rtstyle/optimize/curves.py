"""Losses over iterations or batches, as pictures."""

from __future__ import annotations

import io
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from rtstyle.optimize.config import OptimizeConfig
from rtstyle.optimize.descent import Point
from rtstyle.pixels import Pixels
from rtstyle.sinks.images import write_still

COLOURS = {"total": "#333333", "content": "#2a6f97", "style": "#a03a2c"}
LEVEL_COLOURS = ("#b8860b", "#3a7d44", "#7b4ea3", "#c2185b", "#00838f", "#6d4c41")
Curves = Mapping[str, Sequence[float]]


def draw_history(history: Sequence[Point], config: OptimizeConfig, target: Path) -> None:
    """Draw the losses of an optimisation to a PNG, written whole or not at all."""
    write_still(plot([point.iteration for point in history], weighted(history, config), "iteration"), target)


def weighted(history: Sequence[Point], config: OptimizeConfig) -> dict[str, list[float]]:
    """Total loss and the parts that content and style have in it."""
    return {
        "total": [point.losses.total for point in history],
        "content": [config.content_weight * point.losses.content for point in history],
        "style": [config.style_weight * point.losses.style for point in history],
    }


def plot(steps: Sequence[int], curves: Curves, unit: str, *, levels: Mapping[str, float] | None = None) -> Pixels:
    """Weighted losses (left, logarithmic) and the shares of content and style in the total (right): uint8 (H, W, 3).

    ``curves`` holds ``total``, ``content`` and ``style``, each as long as ``steps``; ``levels`` are total losses of other
    methods, drawn across.
    """
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, values in curves.items():
        left.plot(steps, values, color=COLOURS[name], linewidth=1.4, label=name)
    for (name, level), colour in zip((levels or {}).items(), itertools.cycle(LEVEL_COLOURS), strict=False):
        # Named in the legend: written on the lines, methods of like loss would cover one another.
        left.axhline(level, color=colour, linewidth=1.2, linestyle=":", label=f"{name.replace('_', ' ')} {level:.2f}")
    # From the photo, content starts at exactly 0: the axis ends where parts no longer count.
    lowest = min([*curves["total"], *(levels or {}).values()])
    left.set(xlabel=unit, title="weighted losses", yscale="log", ylim=(max(lowest, 1e-9) / 50, None))
    left.legend(fontsize=8, ncols=2 if levels else 1)
    total = np.asarray(curves["total"])
    for name in ("content", "style"):
        right.plot(steps, np.asarray(curves[name]) / np.maximum(total, 1e-12), color=COLOURS[name], linewidth=1.4, label=name)
    right.set(xlabel=unit, title="share of the total", ylim=(0, 1))
    right.legend(fontsize=8)
    for axes in (left, right):
        axes.grid(True, which="both", alpha=0.2)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    buffer.seek(0)
    return np.asarray(Image.open(buffer).convert("RGB"), dtype=np.uint8)
