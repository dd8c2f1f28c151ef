"""All pictures of a comparison in one: a row a photo, a column a method."""

from __future__ import annotations

import numpy as np

from rtstyle.compare.measure import Comparison
from rtstyle.pixels import Pixels

GAP = 6


def picture_grid(comparison: Comparison, rows: int) -> Pixels:
    """The first ``rows`` photos, each beside what the methods made of it, in the order of the results: uint8 (H, W, 3)."""
    lines: list[list[Pixels]] = []
    for photo in list(comparison.photos)[:rows]:
        lines.append([comparison.photos[photo], *(results[photo].picture for results in comparison.results.values())])
    # Photos may be upright or wide: a column is as wide as its widest.
    width = max(line[0].shape[1] for line in lines) + GAP
    height = sum(line[0].shape[0] + GAP for line in lines)
    canvas = np.full((height - GAP, width * len(lines[0]) - GAP, 3), 255, dtype=np.uint8)
    top = 0
    for line in lines:
        for column, cell in enumerate(line):
            canvas[top : top + cell.shape[0], column * width : column * width + cell.shape[1]] = cell
        top += line[0].shape[0] + GAP
    return canvas
