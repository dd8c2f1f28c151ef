"""Going to a moment of a film, so that every frame from there on can be decoded."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import TYPE_CHECKING

from av.error import FFmpegError
from av.format import Flags

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

logger = logging.getLogger(__name__)

FIRST_STEP_SECONDS = 2


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
