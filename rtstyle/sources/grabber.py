"""Reads a device of libav in a process of its own: ``python grabber.py FORMAT ADDRESS [KEY=VALUE]...``, NUT on standard output.

PyAV's and OpenCV's wheels bring parts of the X window system's libraries under the same names, and in one process each part is
loaded once, from whichever comes first, beside a core that is not its own. Grabbing a screen then crashes. So it imports neither
OpenCV nor anything of ours.
"""

from __future__ import annotations

import sys
from fractions import Fraction

import av
from av.error import FFmpegError


def forward(format: str, address: str, options: dict[str, str]) -> None:
    """Write the device's pictures, as they come and uncompressed, until nobody reads them any more."""
    with av.open(address, format=format, options=options) as device:
        source = device.streams.video[0]
        with av.open("pipe:1", "w", format="nut", options={"fflags": "flush_packets"}) as output:
            stream = output.add_stream("rawvideo", rate=source.average_rate or source.guessed_rate)
            stream.width, stream.height, stream.pix_fmt = source.width, source.height, source.format.name
            stream.codec_context.time_base = source.time_base or Fraction(1, 1_000_000)
            for frame in device.decode(source):
                output.mux(stream.encode(frame))


if __name__ == "__main__":
    try:
        forward(sys.argv[1], sys.argv[2], dict(option.split("=", 1) for option in sys.argv[3:]))
    except BrokenPipeError:
        pass
    except FFmpegError as error:
        sys.exit(str(error.strerror))
