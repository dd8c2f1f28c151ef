"""Paints the README's first picture: ``python demos/make_painted_picture.py`` writes ``demos/painted.jpg``."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from rtstyle.pixels import Pixels
from rtstyle.sources.video import VideoSource
from rtstyle.styles import StyleBank, StyleMix
from rtstyle.stylizer import Look, Stylizer

HERE = Path(__file__).resolve().parent
SHOWN = {"wave": 24, "scream": 62, "starry_night": 96, "udnie": 140}
"""Style -> number of the frame: one of each shot."""
GAP = 8


def main() -> None:
    """Paint a frame of every shot of the sample clip, each in another style, and put them side by side, two by two."""
    with VideoSource(HERE / "clip.mp4") as clip:
        frames = [frame.data for frame in islice(clip, max(SHOWN.values()) + 1)]
    bank = StyleBank.load(tier="live")
    painted = [Stylizer(bank, Look(mix=StyleMix.parse(style))).paint_one(frames[at]) for style, at in SHOWN.items()]
    Image.fromarray(_grid(painted)).save(HERE / "painted.jpg", quality=92)


def _grid(pictures: list[Pixels]) -> Pixels:
    height, width = pictures[0].shape[:2]
    sheet = np.full((2 * height + GAP, 2 * width + GAP, 3), 255, np.uint8)
    for at, picture in enumerate(pictures):
        top, left = at // 2 * (height + GAP), at % 2 * (width + GAP)
        sheet[top : top + height, left : left + width] = picture
    return sheet


if __name__ == "__main__":
    main()
