"""How a film is read, and what of it could not be."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from rtstyle.config import MAX_PIXELS
from rtstyle.errors import UsageError
from rtstyle.sources.opening import TIMEOUT


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How a film is read."""

    start: Fraction | None = None
    """Seconds, those of a broadcast from its beginning; frames before it are skipped. Times stay those of the input."""
    end: Fraction | None = None
    """Seconds as ``start``; the first frame at or after it ends the film."""
    after: Fraction | None = None
    """Seconds, in the frames' own times; up to it frames are skipped: an earlier run painted them. No cut, the origin stays."""
    deinterlace: bool = True
    strict: bool = False
    """Damage ends the run with an error instead of being skipped and counted."""
    max_pixels: int = MAX_PIXELS
    timeout: float = TIMEOUT
    format: str | None = None
    """The demuxer, where the name does not tell it: ``lavfi``, ``v4l2``, ``rawvideo``..."""
    threads: int = 0
    """Decoder threads; 0 leaves it to the decoder."""

    def __post_init__(self) -> None:
        if self.start is not None and self.start < 0:
            raise UsageError(f"start {float(self.start)} s is before the beginning")
        if self.end is not None and self.end <= (self.start or 0):
            raise UsageError(f"end {float(self.end)} s is not after start {float(self.start or 0)} s")


@dataclass
class Damage:
    """What of a film could not be read."""

    packets: int = 0
    """Compressed pictures that the decoder refused or whose picture came out broken."""
    truncated: str = ""
    """How the file ends before its end; empty where it does not."""

    def __bool__(self) -> bool:
        return bool(self.packets or self.truncated)

    def __str__(self) -> str:
        parts = [f"{self.packets} damaged packets were skipped"] if self.packets else []
        return "; ".join([*parts, self.truncated] if self.truncated else parts)
