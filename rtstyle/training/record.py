"""What a run leaves behind of its losses: a log and running means."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Generator
from pathlib import Path
from typing import Any

from rtstyle.training.objective import StepLosses

LOG = "log.csv"
LOGGED = ("content", "style", "variation", "distance", "temporal", "features", "teacher")
SMOOTHING = 0.98
"""Factor of the running mean that the progress bar shows."""


class Record:
    """Losses per step, as they come: ``running`` holds their means, an open log their rows."""

    def __init__(self) -> None:
        self.running: dict[str, float] = {}
        self._writer: Any = None

    def add(self, step: int, losses: StepLosses) -> None:
        """Take in one step's losses; parts without values (no picture at full strength) are left out."""
        row: dict[str, float] = {}
        for name, values in losses.parts.items():
            if len(values):
                row[name] = float(values.mean())
                old = self.running.get(name, row[name])
                # A short window at first, the full one later: an early mean would drag the start along.
                keep = min(SMOOTHING, step / (step + 5))
                self.running[name] = keep * old + (1 - keep) * row[name]
        if self._writer is not None and row:
            self._writer.writerow([step, *(f"{row[name]:.5f}" if name in row else "" for name in LOGGED)])

    @contextlib.contextmanager
    def log(self, path: Path, *, fresh: bool) -> Generator[None]:
        """Write rows to ``path`` meanwhile: a new file where ``fresh`` or absent, else at its end."""
        fresh = fresh or not path.exists()
        with path.open("w" if fresh else "a", newline="", buffering=1) as file:
            self._writer = csv.writer(file)
            if fresh:
                self._writer.writerow(["step", *LOGGED])
            try:
                yield
            finally:
                self._writer = None
