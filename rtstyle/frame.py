"""What travels from a source to a sink: frames, and what is known of the stream beforehand.

Sizes are ``(height, width)``; rates and time bases are exact fractions.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction

from rtstyle.pixels import Pixels, Size


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture and its place in time."""

    data: Pixels
    """uint8 (H, W, 3) RGB, C-contiguous."""
    pts: int
    """Presentation time in units of ``time_base``."""
    time_base: Fraction
    """Seconds per unit of ``pts``."""
    index: int
    """Count of frames before this one in its stream."""
    duration: int | None = None
    """How long it is shown, in units of ``time_base``; None where the stream does not say."""
    alpha: Pixels | None = None
    """uint8 (H, W) opacity of a still that has one; it passes through unpainted."""
    captured_at: float | None = None
    """``time.monotonic()`` seconds of capture, for live sources; latency is measured from it."""
    original: Pixels | None = None
    """The picture before it was painted, kept by live sessions for the before|after split."""
    notice: str = ""
    """What is wrong with a live stream at the moment (its camera is gone, say), for whoever shows the picture."""
    scene_cut: bool = False
    """The first frame of a new scene: nothing may be carried over from earlier frames."""

    def __post_init__(self) -> None:
        if self.data.ndim != 3 or self.data.shape[2] != 3 or self.data.dtype.name != "uint8":
            raise ValueError(f"a frame is uint8 (H, W, 3), not {self.data.dtype} {self.data.shape}")

    @property
    def size(self) -> Size:
        """(height, width)."""
        return self.data.shape[0], self.data.shape[1]

    @property
    def pts_seconds(self) -> Fraction:
        """Presentation time in seconds, exact."""
        return self.pts * self.time_base

    def with_data(self, data: Pixels) -> Frame:
        """The same moment with another picture."""
        return replace(self, data=data)

    def __repr__(self) -> str:
        height, width = self.size
        return f"Frame({self.index}, {width}x{height}, pts={self.pts}*{self.time_base})"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamInfo:
    """What a source knows of its stream before the first frame."""

    size: Size
    """(height, width) of the frames it yields, upright."""
    time_base: Fraction
    rate: Fraction | None = None
    """Nominal frames per second; frames need not keep to it (variable frame rate)."""
    frames: int | None = None
    """How many frames to expect; an estimate for the progress bar, never relied on."""
    live: bool = False
    """A camera or stream: the newest frame wins, nobody waits."""
    start: Fraction = Fraction(0)
    """Presentation time of the first frame in seconds, counted as a user counts: a broadcast begins at zero."""
    pixel_aspect: Fraction = Fraction(1)
    """Width over height of one pixel."""
    name: str = ""
    """For messages: a file name, a camera, a URL."""
    tags: dict[str, str] = field(default_factory=dict)
    """The container's metadata."""

    def with_size(self, size: Size) -> StreamInfo:
        """The same stream at another size: oblong pixels change where the shape does, so that it is shown in the old one."""
        (height, width), (old_height, old_width) = size, self.size
        # A scaled side is off by up to half a pixel, which is no change of shape.
        same_shape = 2 * abs(width * old_height - height * old_width) <= old_height + old_width
        if same_shape or self.pixel_aspect == 1:
            return replace(self, size=size)
        return replace(self, size=size, pixel_aspect=self.pixel_aspect * Fraction(old_width * height, old_height * width))
