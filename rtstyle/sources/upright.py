"""How a film's pictures are turned and mirrored for the viewer: by a matrix that cameras write beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rtstyle.pixels import Pixels

if TYPE_CHECKING:
    from av.video.frame import VideoFrame


@dataclass(frozen=True)
class Orientation:
    """What brings a picture upright, in this order."""

    transposed: bool = False
    """Rows become columns: width and height change places."""
    mirrored: bool = False
    """Left and right change places."""
    upside_down: bool = False

    @classmethod
    def of(cls, frame: VideoFrame) -> Orientation:
        """The nearest to the frame's matrix that needs no interpolation; as it is where there is none, or one that shows nothing.

        The matrix sends column x and row y to column ``a x + c y`` and row ``b x + d y``.
        """
        try:
            side_data = frame.side_data.get("DISPLAYMATRIX")
        except ValueError:  # beside the picture lies something, EXIF say, that this PyAV has no name for
            return cls._turned(round(-frame.rotation / 90) % 4)
        if side_data is None:
            return cls()
        a, b, _, c, d = (int(number) for number in np.frombuffer(bytes(side_data), np.int32)[:5])
        if a * d == b * c:
            return cls()
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return cls(mirrored=a < 0, upside_down=d < 0)
        return cls(transposed=True, mirrored=c < 0, upside_down=b < 0)

    @classmethod
    def _turned(cls, quarters: int) -> Orientation:
        """Clockwise, by so many quarter turns."""
        return (
            cls(),
            cls(transposed=True, mirrored=True),
            cls(mirrored=True, upside_down=True),
            cls(transposed=True, upside_down=True),
        )[quarters]

    def apply(self, picture: Pixels) -> Pixels:
        """uint8 (H, W, 3), upright."""
        if self.transposed:
            picture = picture.transpose(1, 0, 2)
        if self.mirrored:
            picture = picture[:, ::-1]
        if self.upside_down:
            picture = picture[::-1]
        return np.ascontiguousarray(picture)
