"""What paints the frames of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rtstyle.frame import Frame
from rtstyle.stylizer import Stylizer


class FramePainter(Protocol):
    """Paints frames of one size; unlike a Stylizer it sees when they were captured and may change more than their pixels."""

    def paint_frames(self, frames: Sequence[Frame]) -> Sequence[Frame]:
        """One painted frame for each."""
        ...


@dataclass(frozen=True)
class PlainPainter:
    """A Stylizer as a painter of frames."""

    stylizer: Stylizer

    def paint_frames(self, frames: Sequence[Frame]) -> Sequence[Frame]:
        painted = self.stylizer.paint(np.stack([frame.data for frame in frames]))
        return [frame.with_data(data) for frame, data in zip(frames, painted, strict=True)]
