"""``srt://`` for a PyAV that was built without it, as its usual wheels are: an ffmpeg that speaks it carries the bytes."""

from __future__ import annotations

import shutil
import subprocess
from functools import lru_cache
from urllib.parse import parse_qs, urlsplit

import av
from av.error import FFmpegError, ProtocolNotFoundError

from rtstyle.errors import MissingDependencyError
from rtstyle.sources.carrier import CarrierReader, CarrierWriter

LATENCY_SECONDS = 0.12
"""SRT's own default: how much later than sent the receiver hands data out."""
TS_BYTES = 1316
"""Seven packets of MPEG-TS: what one SRT message holds."""


def open_reader(address: str, *, timeout: float) -> CarrierReader:
    """What comes from ``address``; ends after ``timeout`` seconds of silence.

    Raises as :func:`find_ffmpeg`, and so does :func:`open_writer`.
    """
    data = ["-f", "data", *_limits(timeout), "-i", address, *_COPY, "-f", "data", "-flush_packets", "1", "pipe:1"]
    return CarrierReader(address, [find_ffmpeg(), *_QUIET, *data])


def open_writer(address: str, *, timeout: float) -> CarrierWriter:
    """Takes MPEG-TS for ``address``."""
    data = ["-f", "data", "-raw_packet_size", str(TS_BYTES), "-i", "pipe:0", *_COPY, "-f", "data", "-flush_packets", "1"]
    command = [find_ffmpeg(), *_QUIET, *data, *_limits(timeout), address]
    # The receiver throws away what it has not handed out yet when the connection ends.
    return CarrierWriter(address, command, timeout=timeout, linger=4 * _latency(address))


@lru_cache(maxsize=1)
def is_native() -> bool:
    """Whether this build of PyAV speaks SRT itself."""
    try:
        av.open("srt://127.0.0.1:1", timeout=0.05).close()
    except ProtocolNotFoundError:
        return False
    except FFmpegError:
        return True
    return True


@lru_cache(maxsize=1)
def find_ffmpeg() -> str:
    """The ffmpeg of the package imageio-ffmpeg, else the machine's, if it speaks SRT.

    Raises :class:`MissingDependencyError` where there is none.
    """
    candidates: list[str | None] = []
    try:
        import imageio_ffmpeg

        candidates.append(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):  # RuntimeError: the package was installed without its binary
        pass
    candidates.append(shutil.which("ffmpeg"))
    for candidate in candidates:
        if candidate and _speaks_srt(candidate):
            return candidate
    raise MissingDependencyError("imageio-ffmpeg", extra="srt", purpose="srt:// (this build of PyAV does not speak it)")


_QUIET = ("-hide_banner", "-nostdin", "-loglevel", "error")
_COPY = ("-map", "0", "-c", "copy")


def _speaks_srt(ffmpeg: str) -> bool:
    try:
        answer = subprocess.run([ffmpeg, "-hide_banner", "-protocols"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return False
    return "srt" in answer.stdout.split()


def _limits(timeout: float) -> list[str]:
    """How long a connection, a caller and a silence may take; what the address itself says goes first."""
    micro = str(round(timeout * 1_000_000))
    return ["-connect_timeout", str(round(timeout * 1000)), "-listen_timeout", micro, "-timeout", micro]


def _latency(address: str) -> float:
    """Seconds: the ``latency`` of the address, which counts microseconds, else SRT's default."""
    given = parse_qs(urlsplit(address).query).get("latency", [""])[0]
    return int(given) / 1e6 if given.isdigit() else LATENCY_SECONDS
