"""Presentation times that an encoder can use: present, and strictly increasing."""

from __future__ import annotations

import heapq
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream


class Clock:
    """Gives every decoded frame its time in units of ``time_base``.

    Containers that store only decoding times (AVI, raw streams) hand out presentation times in the wrong order when there
    are B-frames; decoders put frames out in display order, so the n-th frame takes the n-th smallest time. Packets without a
    frame (a picture "not coded", as XviD skips what did not change) have no part in that.
    """

    def __init__(self, stream: VideoStream, format_name: str) -> None:
        self.time_base = Fraction(stream.time_base or Fraction(1, 90000))
        rate = stream.average_rate or stream.guessed_rate
        self._step = max(1, round(1 / (rate * self.time_base))) if rate else 1
        self._context = stream.codec_context
        self.by_order = format_name == "avi" and self._context.has_b_frames
        """Whether frames take their times by order; needs a decoder without frame threads."""
        self._times: list[int] = []
        self._last: int | None = None
        self.repaired = 0
        """Frames whose time was absent, repeated or ran backwards."""

    def saw(self, packet: Packet[VideoStream]) -> None:
        """A packet that goes to the decoder."""
        if self.by_order and packet.dts is not None:
            heapq.heappush(self._times, packet.dts)

    def held_back(self, packet: Packet[VideoStream]) -> None:
        """A packet that gave no frame: its frame comes later, or never where the decoder holds all it can hold already."""
        if len(self._times) > self._context.reorder_depth:
            self.lost(packet)

    def lost(self, packet: Packet[VideoStream]) -> None:
        """A packet that the decoder refused: no frame comes of it."""
        if self.by_order and packet.dts in self._times:
            self._times.remove(packet.dts)
            heapq.heapify(self._times)

    def time_of(self, frame: VideoFrame) -> int:
        """The frame's time; later than that of every frame before."""
        time = heapq.heappop(self._times) if self.by_order and self._times else frame.pts
        if time is None or (self._last is not None and time <= self._last):
            time = 0 if self._last is None else self._last + (self._step if time is None else 1)
            self.repaired += 1
        self._last = time
        return time
