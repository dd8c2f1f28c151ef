"""Small pieces of text and panels, drawn once with Pillow, kept, and laid over pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from rtstyle.pixels import Pixels

Color = tuple[int, int, int, int]

INK: Color = (255, 255, 255, 255)
DIM: Color = (255, 255, 255, 165)
PANEL: Color = (14, 16, 20, 170)
SOLID_PANEL: Color = (14, 16, 20, 222)
ACCENT: Color = (255, 196, 84, 255)
RED: Color = (240, 60, 60, 255)
TRACK: Color = (255, 255, 255, 60)
OVERSAMPLING = 3
"""Shapes are drawn this many times larger and averaged down: smooth corners and dots."""


@dataclass(frozen=True)
class Patch:
    """A picture with opacity: ``color`` uint16 (H, W, 3), already multiplied by its opacity, and ``clear`` uint16 (H, W, 1),
    how much of what is below stays, both 0..255."""

    color: NDArray[np.uint16]
    clear: NDArray[np.uint16]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.color.shape[0], self.color.shape[1]

    @classmethod
    def from_image(cls, image: Image.Image) -> Patch:
        """From an RGBA picture of Pillow."""
        rgba = np.asarray(image, dtype=np.uint16)
        opacity = rgba[..., 3:]
        return cls(rgba[..., :3] * opacity // 255, 255 - opacity)


def lay(picture: Pixels, patch: Patch, top: int, left: int) -> None:
    """Lay ``patch`` over ``picture`` in place; what sticks out is cut off."""
    height, width = patch.size
    rows, cols = picture.shape[:2]
    y0, x0 = max(0, top), max(0, left)
    y1, x1 = min(rows, top + height), min(cols, left + width)
    if y0 >= y1 or x0 >= x1:
        return
    cut = slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)
    below = picture[y0:y1, x0:x1]
    below[...] = (below * patch.clear[cut] // 255 + patch.color[cut]).astype(np.uint8)


@lru_cache(maxsize=16)
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own typeface (Aileron) at ``size`` pixels."""
    return ImageFont.load_default(size)


def text_width(text: str, size: int) -> int:
    """Width in pixels."""
    return round(font(size).getlength(text))


def rounded(size: tuple[int, int], radius: int, fill: Color) -> Image.Image:
    """A panel (height, width) with round corners."""
    height, width = size
    k = OVERSAMPLING
    large = Image.new("RGBA", (width * k, height * k), (*fill[:3], 0))
    ImageDraw.Draw(large).rounded_rectangle((0, 0, width * k - 1, height * k - 1), radius * k, fill=fill)
    return large.resize((width, height), Image.Resampling.BOX)


@lru_cache(maxsize=256)
def pill(parts: tuple[tuple[str, Color], ...], size: int, dot: Color | None = None) -> Patch:
    """Pieces of text in a row on a dark round panel; ``dot`` puts a coloured disc in front."""
    pad = round(size * 0.62)
    gap = round(size * 0.5)
    widths = [text_width(text, size) for text, _ in parts]
    lead = size if dot else 0
    width = 2 * pad + lead + sum(widths) + gap * (len(parts) - 1)
    height = round(size * 1.75)
    image = rounded((height, width), height // 2, PANEL)
    draw = ImageDraw.Draw(image)
    if dot:
        disc = rounded((round(size * 0.62), round(size * 0.62)), round(size * 0.31), dot)
        image.alpha_composite(disc, (pad, (height - disc.height) // 2))
    x = pad + lead
    for (text, color), text_size in zip(parts, widths, strict=True):
        draw_text(image, (x, height / 2), text, size, color)
        x += text_size + gap
    del draw
    return Patch.from_image(image)


def draw_text(image: Image.Image, at: tuple[float, float], text: str, size: int, color: Color, anchor: str = "lm") -> None:
    """Text onto an RGBA panel; ``at`` is its left middle unless ``anchor`` says otherwise."""
    layer = Image.new("RGBA", image.size, (*color[:3], 0))
    ImageDraw.Draw(layer).text(at, text, font=font(size), fill=color, anchor=anchor)
    image.alpha_composite(layer)
