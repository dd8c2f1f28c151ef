"""Where a film cuts from one scene to the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtstyle.pixels import LUMA_WEIGHTS, Pixels

GRID = 32
"""Points a side at which pictures are compared."""
CUT = 36.0
"""Mean change of luma at these points, in levels, that only another scene makes."""
CALM = 3.0
"""A cut also stands out from the change before it, so that fast motion and flicker are not taken for cuts."""


class CutDetector:
    """Says of each frame of a film whether it begins a new scene; the first one does not."""

    def __init__(self) -> None:
        self._last: NDArray[np.float32] | None = None
        self._change = 0.0

    def is_cut(self, picture: Pixels) -> bool:
        """Whether uint8 (H, W, 3) begins a new scene; pictures must come in order."""
        height, width = picture.shape[:2]
        rows, columns = (np.linspace(0, side - 1, GRID).astype(np.intp) for side in (height, width))
        luma = picture[np.ix_(rows, columns)] @ np.asarray(LUMA_WEIGHTS, dtype=np.float32)
        last, self._last = self._last, luma
        if last is None:
            return False
        change, before = float(np.abs(luma - last).mean()), self._change
        self._change = change
        return change > CUT and change > CALM * before
