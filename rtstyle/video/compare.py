"""Before | after in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rtstyle.frame import Frame
from rtstyle.pipeline.painters import FramePainter


@dataclass(frozen=True)
class SideBySide:
    """Paints frames and puts each to the right of its original: frames become twice as wide."""

    painter: FramePainter

    def paint_frames(self, frames: Sequence[Frame]) -> Sequence[Frame]:
        pairs = zip(frames, self.painter.paint_frames(frames), strict=True)
        return [frame.with_data(np.concatenate([frame.data, painted.data], axis=1)) for frame, painted in pairs]
