"""Reads uploads within bounds: size on disk and pixels are looked at before anything is decoded."""

from __future__ import annotations

import warnings
from pathlib import Path

from PIL import Image

from rtstyle.errors import SourceError
from rtstyle.pixels import Pixels, resize, scaled_size
from rtstyle.sources.images import read_still
from rtstyle.stylizer import SMALLEST_SIDE
from rtstyle.webui.messages import VisitorError
from rtstyle.webui.settings import MEGA, Limits

PICTURES = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
"""Decoders that an upload may reach; the many exotic ones of Pillow stay out of reach."""


def open_photo(path: str | None, limits: Limits) -> tuple[Pixels, Pixels | None]:
    """An uploaded photo: uint8 (H, W, 3) upright sRGB and its alpha (H, W) where it has one.

    Raises :class:`VisitorError` for one that is absent, too large or no picture.
    """
    if not path:
        raise VisitorError("Add a photo first: upload one, paste one, or click an example.")
    file = Path(path)
    check_bytes(file, limits.still_bytes, "photo")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file, formats=PICTURES) as picture:
                width, height = picture.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise VisitorError("That file is not a picture we can read. JPEG, PNG, WebP, TIFF, BMP and GIF work.") from error
    if width * height > limits.still_pixels:
        raise VisitorError(
            f"That photo has {width * height / MEGA:.0f} megapixels ({width}x{height}); "
            f"up to {limits.still_pixels / MEGA:.0f} are painted here. Scale it down first."
        )
    if min(width, height) < SMALLEST_SIDE:
        raise VisitorError(f"That photo is {width}x{height}; both sides need at least {SMALLEST_SIDE} pixels.")
    try:
        return read_still(file)
    except SourceError as error:
        raise VisitorError("That picture is damaged: it could not be decoded to its end.") from error


def no_larger(
    pixels: Pixels, *, short_side: int | None = None, long_side: int | None = None, least: int = 1, multiple: int = 1
) -> Pixels:
    """A picture with neither side above its bound: itself, or a smaller copy with the same shape.

    ``least`` bounds the copy's short side from below; both sides are rounded to ``multiple``.
    """
    short, long = min(pixels.shape[:2]), max(pixels.shape[:2])
    share = min(1.0, (short_side or short) / short, (long_side or long) / long)
    if share == 1.0:
        return pixels
    return resize(pixels, scaled_size(pixels.shape[:2], max(least, round(share * short)), multiple))


def check_bytes(path: Path, limit: int, what: str) -> None:
    """Raises :class:`VisitorError` for a file above ``limit`` bytes, or none."""
    if not path.is_file():
        raise VisitorError(f"The {what} is no longer here; uploads are kept for a while only. Please upload it again.")
    size = path.stat().st_size
    if size > limit:
        raise VisitorError(f"That {what} has {size / MEGA:.0f} MB; the limit here is {limit / MEGA:.0f} MB.")
