"""Whether a film was read to the end that its container announces."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

SLACK_FRAMES = 4
"""Headers of honest files are off by a few frames."""


class EndWatch:
    """Compares the last packet that was read with what the header says."""

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self._stream = stream
        self._unit = Fraction(stream.time_base or Fraction(1, 90000))
        self._expected = _announced_end(container, stream, self._unit)
        self._reached = Fraction(0)
        self._longest = Fraction(0)

    def saw(self, packet: Packet[VideoStream]) -> None:
        """A packet was read."""
        times = [time for time in (packet.pts, packet.dts) if time is not None]
        length = (packet.duration or 0) * self._unit
        self._longest = max(self._longest, length)
        if times:
            self._reached = max(self._reached, max(times) * self._unit + length)

    def verdict(self) -> str:
        """Empty where the film is whole, else how it ends early."""
        if self._expected is None or self._reached + SLACK_FRAMES * self._longest >= self._expected:
            return ""
        return f"the file ends early: {float(self._reached):.2f} s of {float(self._expected):.2f} s are there"


def _announced_end(container: InputContainer, stream: VideoStream, unit: Fraction) -> Fraction | None:
    name = container.format.name
    if "mp4" in name:
        entries = stream.index_entries  # the whole table of samples, edit lists applied
        return entries[len(entries) - 1].timestamp * unit if len(entries) else None
    if name == "avi":
        return stream.frames * unit if stream.frames else None
    if "matroska" in name:
        announced = stream.metadata.get("DURATION") or stream.metadata.get("DURATION-eng")
        if announced:
            return _seconds(announced)
        alone = len(container.streams) == 1 and container.duration
        return Fraction(container.duration, 1_000_000) if alone and container.duration else None
    return None


def _seconds(clock: str) -> Fraction | None:
    """``00:00:02.600000000`` -> seconds."""
    try:
        hours, minutes, seconds = clock.split(":")
        return 3600 * int(hours) + 60 * int(minutes) + Fraction(seconds)
    except ValueError:
        return None
