"""From a decoded frame to RGB, with the matrix and the range it was made with.

A stream that does not say which matrix it uses is taken as BT.709 from 720 lines (or 1280 columns) up and as BT.601
below, as players do; one that does not say its range is limited, except RGB, grey pictures and the ``yuvj`` formats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from rtstyle.pixels import Pixels, over_black
from rtstyle.sources.hdr import is_hdr, tone_map

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

# The numbers of ISO/IEC 23091-2 (matrix coefficients) as libav reports them, to the tables of its scaler.
_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
# The scaler takes every grey picture for full range.
_FULL = np.rint((np.arange(256) - 16) * 255 / 219).clip(0, 255).astype(np.uint8)
_HD_HEIGHT, _HD_WIDTH = 720, 1280

# Without both flags the scaler takes a short cut that is up to 3 levels off and 1.5 on average; with them 1 and 0.02.
ACCURATE = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


class Converter:
    """Turns decoded frames into uint8 (H, W, 3) RGB; one per stream, it keeps the scaler's tables."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()
        self._interleaver = VideoReformatter()
        self.tone_mapped = False
        """Whether a frame was HDR and was brought to SDR."""

    def to_rgb(self, frame: VideoFrame) -> Pixels:
        """The picture, uint8 (H, W, 3), not rotated; what is transparent is black."""
        if is_hdr(frame):
            self.tone_mapped = True
            return tone_map(self._convert(frame, "rgb48le"), frame)
        if _has_alpha(frame):
            return over_black(self._convert(frame, "rgba"))
        if frame.format.is_rgb:
            return self._convert(frame, "rgb24")
        # Same values, a third of the time: the scaler's fast loops write planes only, and interleaving those is cheap.
        planes = self._reformatted(frame, "gbrp")
        rgb: NDArray[Any] = self._interleaver.reformat(planes, format="rgb24", threads=1).to_ndarray()
        if frame.format.name.startswith("gray") and _range(frame) is ColorRange.MPEG:
            return _FULL[rgb]
        return np.ascontiguousarray(rgb)

    def _convert(self, frame: VideoFrame, target: str) -> NDArray[Any]:
        """(H, W, C) in the depth of ``target``."""
        return np.ascontiguousarray(self._reformatted(frame, target).to_ndarray())

    def _reformatted(self, frame: VideoFrame, target: str) -> VideoFrame:
        return self._reformatter.reformat(
            frame,
            format=target,
            src_colorspace=_matrix(frame),
            src_color_range=_range(frame),
            dst_color_range=ColorRange.JPEG,
            interpolation=ACCURATE,
            threads=1,  # its own threads cost more than they save at every size below 4K
        )


def _matrix(frame: VideoFrame) -> Colorspace | None:
    if frame.format.is_rgb:
        return None
    guess = Colorspace.ITU709 if frame.height >= _HD_HEIGHT or frame.width >= _HD_WIDTH else Colorspace.ITU601
    return _MATRICES.get(frame.colorspace, guess)


def _range(frame: VideoFrame) -> ColorRange | None:
    if frame.color_range in (ColorRange.MPEG, ColorRange.JPEG):
        return ColorRange(frame.color_range)
    name = frame.format.name
    if frame.format.is_rgb or name.startswith("pal"):
        return None
    return ColorRange.JPEG if name.startswith(("yuvj", "gray", "ya")) else ColorRange.MPEG


def _has_alpha(frame: VideoFrame) -> bool:
    return frame.format.name == "pal8" or any(component.is_alpha for component in frame.format.components)
