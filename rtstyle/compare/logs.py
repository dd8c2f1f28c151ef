"""Training logs as curves."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from rtstyle.errors import UsageError
from rtstyle.optimize import OptimizeConfig
from rtstyle.optimize.curves import plot
from rtstyle.pixels import Pixels

WINDOW = 25
"""Batches averaged into one point."""


def parse_logs(texts: Sequence[str]) -> dict[str, Path]:
    """Read ``NAME=log.csv``; raises :class:`UsageError` for another form or a file that is not there."""
    logs: dict[str, Path] = {}
    for text in texts:
        name, equals, file = text.partition("=")
        if not (name and equals and file):
            raise UsageError(f"'{text}' is not NAME=LOG, for example live=runs/live/log.csv")
        if not Path(file).is_file():
            raise UsageError(f"no training log at {file}")
        logs[name] = Path(file)
    return logs


def draw_logs(logs: Mapping[str, Path], config: OptimizeConfig) -> dict[str, Pixels]:
    """Weighted losses and their shares over the batches of each log, with the weights of ``config``."""
    return {name: _draw(path, config) for name, path in logs.items()}


def _draw(path: Path, config: OptimizeConfig) -> Pixels:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row.get("content") and row.get("style")]
        steps = [int(row["step"]) for row in rows]
        content = config.content_weight * _smooth([float(row["content"]) for row in rows])
        style = config.style_weight * _smooth([float(row["style"]) for row in rows])
    except (KeyError, ValueError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not a training log (step, content, style): {error}") from error
    if not rows:
        raise UsageError(f"{path} holds no losses")
    curves = {"total": content + style, "content": content, "style": style}
    return plot(steps[len(steps) - len(content) :], {name: values.tolist() for name, values in curves.items()}, "batch")


def _smooth(values: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    window = min(WINDOW, len(values))
    return (
        np.convolve(np.asarray(values, dtype=np.float64), np.full(window, 1 / max(1, window)), mode="valid")
        if window
        else np.zeros(0)
    )
