"""What a run leaves behind of its losses: a log and running means."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Generator
from pathlib import Path
from typing import Any, TextIO

from rtstyle.training.objective import StepLosses

LOG = "log.csv"
LOGGED = ("content", "style", "variation", "distance", "temporal", "features", "teacher", "lattice")
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
            self._writer.writerow([step, *(f"{row[name]:.5g}" if name in row else "" for name in LOGGED)])

    @contextlib.contextmanager
    def log(self, path: Path, *, begin: int) -> Generator[None]:
        """Write rows to ``path`` meanwhile, behind those of the steps before ``begin``: a new file for step 0."""
        with path.open("r+" if begin and path.exists() else "w+", newline="", buffering=1) as file:
            self._writer = csv.writer(file)
            if not _go_back(file, begin):
                self._writer.writerow(["step", *LOGGED])
            try:
                yield
            finally:
                self._writer = None


def _go_back(log: TextIO, step: int) -> bool:
    """Cut a log after its rows of steps before ``step``; returns whether any line is left.

    A run that was killed, not interrupted, has logged steps since its last checkpoint, which are now made again.
    """
    end = 0
    for line in iter(log.readline, ""):
        number = line.partition(",")[0]
        if not line.endswith("\n") or (number.isdigit() and int(number) >= step):
            break
        end = log.tell()
    log.seek(end)
    log.truncate()
    return end > 0
