"""The clock of a broadcast: it runs since who knows when, and begins anew where two recordings were joined."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream

BROADCAST = ("mpegts", "mpeg", "rtsp", "rtp", "sdp", "hls", "applehttp")
"""Formats whose clock runs since who knows when: their first moment counts as zero."""
BACK_SECONDS = 0.1
"""A track that goes back by more than this has come to another recording."""
AHEAD_SECONDS = 10
"""So has one that is further ahead of all tracks: a shorter gap is a gap."""


def zero_of(container: InputContainer) -> Fraction:
    """The moment on the film's own clock, in seconds, that a user calls zero."""
    return Fraction(container.start_time or 0, 1_000_000) if container.format.name in BROADCAST else Fraction(0)


class Continuity:
    """Moves packets so that the times of each track go on where its clock jumps, and the tracks stay together.

    Two readers of a film move its packets alike as long as both take all packets of ``streams``, in the file's order.
    """

    def __init__(self, container: InputContainer, picture: Stream) -> None:
        self.streams: list[Stream] = []
        """Tracks that tell of a jump; none in formats whose clock does not jump."""
        if container.format.name in BROADCAST:
            self.streams = [picture, *container.streams.audio]
        # In whole numbers: a film may be read through for an hour to where its cut begins, and fractions would take most of it.
        bases = {stream.index: Fraction(stream.time_base or Fraction(1, 90000)) for stream in self.streams}
        self._ticks = math.lcm(*(base.denominator for base in bases.values()))
        """Per second: the times of all telling tracks are whole numbers of them."""
        self._units = {index: int(base * self._ticks) for index, base in bases.items()}
        self._back, self._ahead = round(BACK_SECONDS * self._ticks), AHEAD_SECONDS * self._ticks
        self._offsets = [0]
        """Ticks to add in each of the recordings that were joined."""
        self._recording: dict[int, int] = {}
        """Which of them a track has come to: where they meet, some tracks are ahead of others."""
        self._due: dict[int, int] = {}

    def follow(self, packet: Packet[Any]) -> None:
        """Move ``packet`` to its place."""
        if not self.streams:
            return
        unit = self._units.get(packet.stream_index)
        if unit is not None and packet.dts is not None:
            self._place(packet.stream_index, packet.dts * unit, (packet.duration or 0) * unit)
        offset = self._offsets[self._recording.get(packet.stream_index, -1)]
        if not offset:
            return
        moved = round(offset / (self._ticks * Fraction(packet.time_base)))
        packet.pts = None if packet.pts is None else packet.pts + moved
        packet.dts = None if packet.dts is None else packet.dts + moved

    def _place(self, track: int, time: int, duration: int) -> None:
        newest = len(self._offsets) - 1
        current = self._recording.setdefault(track, newest)
        last = self._due.setdefault(track, time + self._offsets[current])
        front = max(self._due.values())
        if not last - self._back <= time + self._offsets[current] <= front + self._ahead:
            known = range(current + 1, newest + 1)
            found = next((it for it in known if abs(time + self._offsets[it] - last) <= self._ahead), None)
            if found is None:
                found = newest + 1
                self._offsets.append(last + duration - time)
            self._recording[track] = found
        self._due[track] = time + self._offsets[self._recording[track]]
