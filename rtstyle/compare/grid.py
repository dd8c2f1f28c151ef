"""All pictures of a comparison in one: a row a photo, a column a method."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from rtstyle.compare.measure import Comparison
from rtstyle.pixels import Pixels

GAP = 6
LABEL = 28
"""Height of the line of names, in pixels."""


def picture_grid(comparison: Comparison, rows: int) -> Pixels:
    """The first ``rows`` photos, each beside what the methods made of it, in the order of the results: uint8 (H, W, 3).

    The columns' names stand above them.
    """
    lines: list[list[Pixels]] = []
    for photo in list(comparison.photos)[:rows]:
        lines.append([comparison.photos[photo], *(results[photo].picture for results in comparison.results.values())])
    # Photos may be upright or wide: a column is as wide as its widest.
    width = max(line[0].shape[1] for line in lines) + GAP
    height = LABEL + sum(line[0].shape[0] + GAP for line in lines)
    canvas = np.full((height - GAP, width * len(lines[0]) - GAP, 3), 255, dtype=np.uint8)
    canvas[:LABEL] = _names(["photo", *comparison.results], width, canvas.shape[1])
    top = LABEL
    for line in lines:
        for column, cell in enumerate(line):
            canvas[top : top + cell.shape[0], column * width : column * width + cell.shape[1]] = cell
        top += line[0].shape[0] + GAP
    return canvas


def _names(names: Sequence[str], width: int, total: int) -> Pixels:
    """One every ``width`` pixels, in letters small enough for the longest: uint8 (LABEL, total, 3)."""
    said = [name.replace("_", " ") for name in names]
    size = 0.6 * LABEL
    longest = max(ImageFont.load_default(size).getlength(name) for name in said)
    font = ImageFont.load_default(size * min(1.0, (width - GAP) / longest))
    line = Image.new("RGB", (total, LABEL), "white")
    draw = ImageDraw.Draw(line)
    for column, name in enumerate(said):
        draw.text((column * width, LABEL // 2), name, fill=(40, 40, 40), font=font, anchor="lm")
    return np.asarray(line, dtype=np.uint8)
