"""``python sender.py ADDRESS``: sends the bytes of its standard input to an address of libav, as they come.

A program of its own, see :mod:`rtstyle.sources.carrier`; it imports nothing of the package.
"""

from __future__ import annotations

import sys

import av
from av.error import FFmpegError

CHUNK = 32768


def main(address: str) -> int:
    """The exit code; what went wrong is one line on standard error."""
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as pipe:
        try:
            with av.open(address, "w", format="data", container_options={"flush_packets": "1"}) as output:
                stream = output.add_data_stream()
                output.start_encoding()
                while data := pipe.read(CHUNK):
                    packet = av.Packet(data)
                    packet.stream = stream
                    output.mux_one(packet)
        except (FFmpegError, ValueError) as error:
            sys.stderr.write(f"{getattr(error, 'strerror', None) or error}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
