"""Training logs as curves."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from rtstyle.errors import UsageError
from rtstyle.optimize.curves import plot
from rtstyle.perceptual.config import LossConfig
from rtstyle.pixels import Pixels
from rtstyle.training.checkpoint import CHECKPOINT, load_checkpoint, recipe_of

WINDOW = 25
"""Batches averaged into one point."""


def parse_logs(texts: Sequence[str]) -> dict[str, Path]:
    """Read ``NAME=log.csv``; raises :class:`UsageError` for another form or a file that is not there."""
    logs: dict[str, Path] = {}
    for text in texts:
        name, equals, file = text.partition("=")
        if not (name and equals and file):
            raise UsageError(f"'{text}' is not NAME=LOG, for example live=runs/live/log.csv")
        if not os.path.isfile(file):
            raise UsageError(f"no training log at {file}")
        logs[name] = Path(file)
    return logs


def draw_logs(logs: Mapping[str, Path], config: LossConfig) -> dict[str, Pixels]:
    """Weighted losses and their shares over the batches of each log.

    They are weighed as they were in training where the run's checkpoint lies beside its log, else as in ``config``.
    """
    return {name: _draw(path, trained_weights(path) or config) for name, path in logs.items()}


def trained_weights(log: Path) -> LossConfig | None:
    """The losses of the run that wrote ``log``, for a collection with the mean of its styles' weights; None where only the log
    is left of it."""
    checkpoint = log.parent / CHECKPOINT
    if not checkpoint.is_file():
        return None
    recipe = recipe_of(load_checkpoint(checkpoint), checkpoint)
    shares = sum(style.share for style in recipe.styles) or 1.0
    factor = sum(style.share * style.style_weight for style in recipe.styles) / shares
    return replace(recipe, style_weight=recipe.style_weight * (factor or 1.0))


def _draw(path: Path, config: LossConfig) -> Pixels:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            # The last line may be half there: of a run that was killed, or that is being written.
            complete = (row for row in csv.DictReader(file) if None not in row.values())
            rows = [row for row in complete if row.get("content") and row.get("style")]
        steps = [int(row["step"]) for row in rows]
        content, style, variation = (_smooth([float(row[name]) for row in rows]) for name in ("content", "style", "variation"))
    except (OSError, KeyError, ValueError, csv.Error) as error:
        raise UsageError(f"{path} is not a training log (step, content, style, variation): {error}") from error
    if not rows:
        raise UsageError(f"{path} holds no losses")
    content, style = config.content_weight * content, config.style_weight * style
    curves = {"total": content + style + config.total_variation_weight * variation, "content": content, "style": style}
    return plot(steps[len(steps) - len(content) :], {name: values.tolist() for name, values in curves.items()}, "batch")


def _smooth(values: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    window = min(WINDOW, len(values))
    return (
        np.convolve(np.asarray(values, dtype=np.float64), np.full(window, 1 / max(1, window)), mode="valid")
        if window
        else np.zeros(0)
    )
