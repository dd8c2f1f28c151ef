"""Going to a moment of a film, so that every frame from there on can be decoded."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from av.error import FFmpegError
from av.format import Flags

from rtstyle.sources.continuity import BROADCAST
from rtstyle.sources.opening import is_url

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

logger = logging.getLogger(__name__)

FIRST_STEP_SECONDS = 2
MOST_HELD = 10_000
"""Packets that may wait for the next key frame; in a film without, they are decoded and their frames skipped."""


def is_read_through(container: InputContainer, name: str | os.PathLike[str]) -> bool:
    """Whether a moment is looked for from the beginning on: in a recording of a broadcast, whose clock may jump unseen, so
    that a seek by it may land in another recording. Only over a network that would take too long."""
    return container.format.name in BROADCAST and not is_url(name)


def from_key_frame(packets: Iterator[Packet[Any]], stream: Stream, goal: Fraction) -> Iterator[Packet[Any]]:
    """The packets of ``stream`` from its last key frame at or before ``goal`` seconds on, then all that follow."""
    last = math.floor(goal / Fraction(stream.time_base or Fraction(1, 90000)))
    held: list[Packet[Any]] = []
    for packet in packets:
        if packet.stream is not stream:
            continue
        time = packet.pts if packet.pts is not None else packet.dts
        if packet.is_keyframe and time is not None and time <= last:
            held.clear()
        held.append(packet)
        if len(held) > MOST_HELD or (packet.dts is not None and packet.dts > last):
            break
    yield from held
    yield from packets


def seek_key_frame(container: InputContainer, stream: VideoStream, goal: Fraction) -> Packet[VideoStream] | None:
    """Go to a key frame at or before ``goal`` seconds; its packet, which has been read by then.

    None where there is none, or no way to find it: then the film is read from its beginning. libav itself lands on any packet
    in formats without an index, from where nothing can be decoded before the next key frame: it is sent back ever further.
    """
    if not _tells_time_anywhere(container):
        return None
    unit = Fraction(stream.time_base or Fraction(1, 90000))
    start = container.start_time or 0
    back = 0
    try:
        while goal - back > Fraction(start, 1_000_000):
            container.seek(int((goal - back) / unit), stream=stream, backward=True)
            if packet := _next_key(container, stream, goal):
                return packet
            back = 2 * back or FIRST_STEP_SECONDS
        container.seek(min(0, start))
    except FFmpegError:
        logger.info("cannot seek: reading from the beginning")
    return None


def _tells_time_anywhere(container: InputContainer) -> bool:
    """Raw streams count their frames, and few pictures of an MPEG program stream bring a time: libav guesses the others'."""
    return container.format.name != "mpeg" and not container.format.flags & Flags.no_timestamps.value


def _next_key(container: InputContainer, stream: VideoStream, goal: Fraction) -> Packet[VideoStream] | None:
    """The next key frame's packet where that is due at ``goal`` or before."""
    for packet in container.demux(stream):
        time = packet.pts if packet.pts is not None else packet.dts
        unit = Fraction(packet.time_base)
        if packet.is_keyframe and time is not None:
            return packet if time * unit <= goal else None
        if packet.dts is not None and packet.dts * unit > goal:
            return None
    return None
