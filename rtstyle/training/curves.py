"""The loss curves of a run as a picture."""

from __future__ import annotations

import csv
import logging
from pathlib import Path

import numpy as np

from rtstyle.system.whole import whole_file

logger = logging.getLogger(__name__)

WINDOW = 25
"""Steps averaged into one point of the line."""
SHOWN = ("content", "style", "temporal")


def draw_curves(log: Path, target: Path) -> None:
    """Plot a training log (``log.csv``) to a PNG; logarithmic, one panel per loss.

    Where it cannot be written, that is reported and no more: what was trained is worth more than its picture.
    """
    from matplotlib.figure import Figure

    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    shown = [name for name in SHOWN if any(row.get(name) for row in rows)]
    if not shown:
        return
    figure = Figure(figsize=(4 * len(shown), 3), layout="constrained")
    for axes, name in zip(np.atleast_1d(figure.subplots(1, len(shown))), shown, strict=True):
        points = [(int(row["step"]), float(row[name])) for row in rows if row.get(name)]
        steps, values = np.array(points).T
        axes.plot(steps, values, color="#c9b8a8", linewidth=0.6)
        if len(values) >= 2 * WINDOW:
            smooth = np.convolve(values, np.ones(WINDOW) / WINDOW, mode="valid")
            axes.plot(steps[WINDOW - 1 :], smooth, color="#a03a2c", linewidth=1.6)
        axes.set_yscale("log")
        axes.set_title(f"{name} loss")
        axes.set_xlabel("step")
        axes.grid(True, which="both", alpha=0.2)
    try:
        with whole_file(target) as file:
            figure.savefig(file, format="png", dpi=110)
    except OSError as error:
        logger.warning("no loss curves in %s: %s", target, error)
