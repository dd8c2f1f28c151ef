"""Before | after in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rtstyle.frame import Frame
from rtstyle.stylizer import Stylizer


@dataclass(frozen=True)
class SideBySide:
    """Paints frames and puts each to the right of its original: frames become twice as wide."""

    stylizer: Stylizer

    def paint_frames(self, frames: Sequence[Frame]) -> Sequence[Frame]:
        painted = self.stylizer.paint(np.stack([frame.data for frame in frames]))
        return [frame.with_data(np.concatenate([frame.data, data], axis=1)) for frame, data in zip(frames, painted, strict=True)]
