"""Still pictures: upright, in sRGB, with their opacity kept aside."""

from __future__ import annotations

import io
import logging
import os
import struct
import warnings
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from PIL import Image, ImageCms, ImageOps

from rtstyle.errors import SourceError, UsageError
from rtstyle.frame import Frame, StreamInfo
from rtstyle.pixels import Pixels

logger = logging.getLogger(__name__)

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
"""What counts as a picture in a folder."""
LARGEST_PIXELS = 300_000_000
UNREADABLE = (OSError, SyntaxError, ValueError, NotImplementedError, MemoryError, struct.error, Image.DecompressionBombError)
"""What Pillow raises for damaged files, and for kinds that it knows only by name."""
# Pillow warns at 90 megapixels and stops at twice that; a picture of 12,000 x 8,000 is legal here, a bomb is not.
if Image.MAX_IMAGE_PIXELS is not None:
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, LARGEST_PIXELS)
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # what is larger is refused below


def read_still(path: Path) -> tuple[Pixels, Pixels | None]:
    """Decode a picture: uint8 (H, W, 3) sRGB, EXIF orientation applied, and its alpha uint8 (H, W) where it has one.

    Raises :class:`UsageError` where there is no such file and :class:`SourceError` where it is no picture.
    """
    if not os.path.isfile(path):  # pathlib's own raises where a name is too long for the system
        raise UsageError(f"no picture at {path}")
    try:
        with Image.open(path) as picture:
            if picture.width * picture.height > LARGEST_PIXELS:
                raise SourceError(
                    f"{path} has {picture.width}x{picture.height} pixels; the limit is {LARGEST_PIXELS // 1_000_000} megapixels"
                )
            pictures = getattr(picture, "n_frames", 1)
            if pictures > 1 and picture.format != "MPO":  # phones put previews and depth behind the photo
                logger.warning("%s holds %d pictures: this is the first of them", path, pictures)
            upright = ImageOps.exif_transpose(picture)
            alpha = _opacity(upright)
            upright.info.pop("transparency", None)  # Pillow would warn that it is left behind
            return np.asarray(_to_srgb(upright), dtype=np.uint8), alpha
    except UNREADABLE as error:
        raise SourceError(f"{path} is not a readable picture: {str(error) or type(error).__name__}") from error


def _opacity(picture: Image.Image) -> Pixels | None:
    """uint8 (H, W); None for opaque pictures, and for 16-bit greys, of which Pillow would make white."""
    if picture.mode.startswith("I") or not (picture.getbands()[-1] == "A" or "transparency" in picture.info):
        return None
    return np.asarray(picture.convert("RGBA").getchannel("A"), dtype=np.uint8)


def _to_srgb(picture: Image.Image) -> Image.Image:
    """RGB in sRGB: phones embed wider colour spaces, and 16-bit greys would be clipped by a plain conversion."""
    if picture.mode.startswith("I"):
        wide = np.asarray(picture, dtype=np.float64)
        return Image.fromarray(np.rint(wide / 257.0).clip(0, 255).astype(np.uint8)).convert("RGB")
    if picture.mode == "F":
        wide = np.asarray(picture, dtype=np.float64)
        scale = 255.0 if wide.max(initial=0.0) <= 1.0 else 1.0  # as programs for science and for light write it
        return Image.fromarray(np.rint(scale * np.nan_to_num(wide)).clip(0, 255).astype(np.uint8)).convert("RGB")
    profile = picture.info.get("icc_profile")
    if picture.mode not in ("RGB", "CMYK", "L"):  # the profile of a palette is that of its colours
        picture = picture.convert("L" if picture.mode == "LA" else "RGB")
    if profile:
        try:
            embedded = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(picture, embedded, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            converted = None  # a damaged profile: the pixels as they are
        if converted is not None:
            return converted
    return picture.convert("RGB")


class ImageSource:
    """One still as a stream of one frame."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._frame: Frame | None = None

    @property
    def info(self) -> StreamInfo:
        assert self._frame is not None, "info is valid inside the with block"
        return StreamInfo(size=self._frame.size, time_base=Fraction(1), frames=1, name=self.path.name)

    def __enter__(self) -> Self:
        pixels, alpha = read_still(self.path)
        self._frame = Frame(data=pixels, pts=0, time_base=Fraction(1), index=0, duration=1, alpha=alpha)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._frame = None

    def __iter__(self) -> Iterator[Frame]:
        if self._frame is not None:
            yield self._frame
