"""Small frozen choices that several parts share, validated once."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from rtstyle.errors import UsageError
from rtstyle.pixels import Size, scaled_size

TIERS = ("live", "studio")
MAX_PIXELS = 16384 * 16384
"""Larger pictures are refused: a file of a few bytes may claim to be 60,000 x 60,000."""
LONGEST_SECONDS = 10**8
"""No film lasts for three years, and few formats can tell such times."""


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """How a pipeline runs."""

    batch: int | None = None
    """Frames painted at once; None leaves it to the engine. Live sources always paint one."""
    size: Size | None = None
    """(height, width) to bring frames to before painting; None keeps them."""
    queue: int = 8
    """Frames that may wait between two stages; bounds memory."""
    limit: int | None = None
    """Stop after this many frames."""

    def __post_init__(self) -> None:
        if self.batch is not None and self.batch < 1:
            raise UsageError(f"batch is {self.batch}; it must be at least 1")
        if self.queue < 1:
            raise UsageError(f"queue is {self.queue}; it must be at least 1")
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"the limit is {self.limit} frames; it must be at least 1")


def parse_size(text: str) -> Size:
    """``"640x360"`` (width x height, as everyone writes it) -> (360, 640)."""
    width, x, height = text.lower().partition("x")
    if not (x and width.isdecimal() and height.isdecimal() and text.isascii()):
        raise UsageError(f"size '{text}' is not WIDTHxHEIGHT, for example 1280x720")
    size = int(height), int(width)
    if min(size) < 16:
        raise UsageError(f"size {text} is too small: both sides need at least 16 pixels")
    if size[0] * size[1] > MAX_PIXELS:
        raise UsageError(f"size {text} is too large: more than {MAX_PIXELS:,} pixels")
    return size


def fixed_size(wanted: str | None, scale: float | None) -> Size | None:
    """The size that ``--size`` names; None where it is left to the film. Raises :class:`UsageError` for what is wrong for any."""
    if wanted is not None and scale is not None:
        raise UsageError("give --size or --scale, not both")
    if scale is not None and not 0 < scale <= 8:
        raise UsageError(f"scale {scale} is outside 0..8")
    return parse_size(wanted) if wanted is not None else None


def target_size(size: Size, *, wanted: str | None, scale: float | None) -> Size | None:
    """The size to paint at from ``--size`` or ``--scale``; None where neither is given."""
    if (fixed := fixed_size(wanted, scale)) is not None or scale is None:
        return fixed
    height, width = scaled_size(size, max(1, round(min(size) * scale)))
    if min(height, width) < 16:
        raise UsageError(f"scale {scale} makes {width}x{height}; both sides need at least 16 pixels")
    return height, width


def exact_number(text: str) -> Fraction:
    """``"29.97"`` or ``"30000/1001"`` as it is; raises :class:`ValueError` for what is none, powers of ten included.

    Of those a few letters would make a number that fills the memory.
    """
    if not text.isascii() or "e" in text.lower():
        raise ValueError(f"'{text}' is no number")
    return Fraction(text)


def parse_rate(text: str) -> Fraction:
    """``"30"``, ``"29.97"`` or ``"30000/1001"`` -> frames per second."""
    try:
        rate = exact_number(text)
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"rate '{text}' is not a number of frames per second, for example 30 or 30000/1001") from None
    if not 0 < rate <= 1000:
        raise UsageError(f"rate {text} is outside 0..1000 frames per second")
    return rate


def parse_time(text: str | None) -> Fraction | None:
    """``"75.5"``, ``"1:15.5"`` or ``"0:01:15.5"`` -> seconds; None stays None."""
    if text is None:
        return None
    seconds = Fraction(0)
    try:
        for part in text.split(":"):
            seconds = 60 * seconds + exact_number(part)
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"time '{text}' is neither seconds nor HOURS:MINUTES:SECONDS, for example 75.5 or 1:15.5") from None
    if seconds > LONGEST_SECONDS:
        raise UsageError(f"time '{text}' is later than any film lasts")
    return seconds
