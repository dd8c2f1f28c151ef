"""Contact sheets: what the networks make of fixed photos, to be looked at while they train."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from rtstyle.pixels import Pixels, to_uint8

GAP = 4


def contact_sheet(rows: Sequence[tuple[Pixels, Tensor]]) -> Pixels:
    """One row per photo: the photo (S, S, 3) uint8, then its paintings (N, 3, S, S) in [0, 1], on white."""
    lines: list[Pixels] = []
    for photo, painted in rows:
        cells = [photo, *to_uint8(painted).cpu().numpy()]
        lines.append(np.concatenate([np.pad(c, ((0, GAP), (0, GAP), (0, 0)), constant_values=255) for c in cells], axis=1))
    return np.concatenate(lines, axis=0)


def save_picture(pixels: Pixels, path: Path) -> None:
    """Write JPEG, PNG or WebP by the suffix."""
    Image.fromarray(pixels).save(path, quality=92)
