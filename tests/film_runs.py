"""What tests of whole films share: runs that are slow, and runs that are interrupted."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np

from rtstyle.frame import StreamInfo
from rtstyle.stylizer import Stylizer
from rtstyle.video.film import FilmOptions, paint_film


class StopAfter:
    """Interrupts a run once so many frames are written."""

    def __init__(self, frames: int) -> None:
        self.event = threading.Event()
        self._frames = frames

    def begin(self, info: StreamInfo) -> None:
        return None

    def step(self, frames: int, info: StreamInfo) -> None:
        if frames >= self._frames:
            self.event.set()


class Slow(Stylizer):
    """Takes its time, so that an interruption comes in the middle."""

    def paint(self, frames: np.ndarray, look: object = None) -> np.ndarray:
        time.sleep(0.01)
        return frames


def interrupted_run(source: Path, output: Path, stylizer: Stylizer, frames: int, options: FilmOptions) -> int:
    """Stop after about ``frames``; how many were written."""
    listener = StopAfter(frames)
    report = paint_film(str(source), output, stylizer, options, stop=listener.event, listener=listener)
    assert report.interrupted
    assert not output.exists()
    return report.frames
