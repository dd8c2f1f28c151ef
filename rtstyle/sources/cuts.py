"""Where a film cuts from one scene to the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtstyle.pixels import LUMA_WEIGHTS, Pixels

GRID = 32
"""Fields a side by whose brightness pictures are compared."""
POINTS = 3
"""Points a side that are looked at in each field: their mean is calm where the picture is noisy."""
CUT = 20.0
"""Mean change of these fields, in levels, from which on it may be another scene."""
ALIKE = 0.7
"""Correlation of the fields from which on it is the same scene in other light: a flash, a fade, a lamp switched on."""
CALM = 3.0
"""A cut also stands out from the change before it, so that a shaken camera is not taken for cuts."""
EMPTY = 6.0
"""Pictures whose fields differ by less, in levels of standard deviation, show nothing: black between scenes, a white flash."""


class CutDetector:
    """Says of each frame of a film whether it begins a new scene; the first one does not.

    Empty pictures begin none: the next one that shows something is compared with the last one that did.
    """

    def __init__(self) -> None:
        self._last: NDArray[np.float32] | None = None
        self._change = 0.0

    def is_cut(self, picture: Pixels) -> bool:
        """Whether uint8 (H, W, 3) begins a new scene; pictures must come in order."""
        fields = _fields(picture)
        if fields.std() < EMPTY:
            return False
        last, self._last = self._last, fields
        if last is None:
            return False
        change, before = float(np.abs(fields - last).mean()), self._change
        self._change = change
        return change > CUT and change > CALM * before and _likeness(fields, last) < ALIKE


def _fields(picture: Pixels) -> NDArray[np.float32]:
    """(GRID, GRID) mean luma; only a few thousand points are looked at, whatever the size."""
    height, width = picture.shape[:2]
    rows, columns = (np.linspace(0, side - 1, GRID * POINTS).astype(np.intp) for side in (height, width))
    luma = picture[np.ix_(rows, columns)] @ np.asarray(LUMA_WEIGHTS, dtype=np.float32)
    return luma.reshape(GRID, POINTS, GRID, POINTS).mean(axis=(1, 3))


def _likeness(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Pearson's correlation, in [-1, 1]; both have contrast."""
    one, other = one - one.mean(), other - other.mean()
    return float((one * other).mean() / (one.std() * other.std()))
