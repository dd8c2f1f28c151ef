"""Opening what PyAV can open, with one line for everything that can go wrong."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.error import FFmpegError
from av.stream import Disposition

from rtstyle.config import MAX_PIXELS
from rtstyle.errors import SourceError, UsageError
from rtstyle.sources.carrier import CarrierReader
from rtstyle.sources.editlists import WHOLE, hides_an_end, is_by_mistake
from rtstyle.sources.srt import find_ffmpeg, is_native, open_reader

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

TIMEOUT = 15.0
"""Seconds without a byte from the network until it counts as lost."""

_URL = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)
_LIVE = ("rtsp", "rtsps", "rtp", "udp", "rtmp", "rtmps", "srt", "tcp")
# A playlist from the network must not make us read files of this machine.
_NETWORK = ("http", "https", *_LIVE)


def is_url(name: str | os.PathLike[str]) -> bool:
    """Whether this is an address and not a file name: ``C:\\clip.mp4`` is one, and so is ``Part: one.mp4`` where it is there."""
    return bool(_URL.match(str(name))) and not os.path.exists(name)


def scheme(name: str | os.PathLike[str]) -> str:
    """The protocol of an address, in lower case; ``""`` for a file name."""
    return str(name).partition(":")[0].lower() if is_url(name) else ""


def is_live(name: str | os.PathLike[str]) -> bool:
    """Whether the address names a stream that runs on its own clock, so that nobody may wait for old frames."""
    return scheme(name) in _LIVE


def check_input(name: str | os.PathLike[str]) -> None:
    """Refuse, before any work, what cannot be an input.

    Raises :class:`UsageError` for a file that is not there, a folder, or a protocol that is not spoken here.
    """
    if is_url(name):
        check_protocol(scheme(name))
        return
    path = Path(name)
    there = os.path.exists(name)  # pathlib's own raises where a name is too long for the system
    if "%" in path.name and not there:
        return  # frame_%05d.png: a numbered sequence
    if not there:
        raise UsageError(f"there is no file {path}")
    if path.is_dir():
        raise UsageError(f"{path} is a folder; here a video file is needed")


def check_protocol(protocol: str) -> None:
    """Raises :class:`MissingDependencyError` for ``srt`` where neither PyAV nor an ffmpeg speaks it."""
    if protocol == "srt" and not is_native():
        find_ffmpeg()


def open_container(
    name: str | os.PathLike[str],
    *,
    format: str | None = None,
    max_pixels: int = MAX_PIXELS,
    timeout: float = TIMEOUT,
    carrier: CarrierReader | None = None,
) -> InputContainer:
    """Open for reading, through ``carrier`` where there is one.

    Raises :class:`UsageError` as :func:`check_input` and :class:`SourceError` where it is no video.
    """
    check_input(name)
    options = {"max_pixels": str(max_pixels), "protocol_whitelist": "file,crypto,data"}
    limit: tuple[float, float] | None = None
    if is_url(name):
        limit = (timeout, timeout)
        options["protocol_whitelist"] = (
            "http,https,tcp,tls,udp,rtp,rtsp,rtmp,srt,crypto,data,httpproxy" if scheme(name) in _NETWORK else "file,crypto,data"
        )
        if scheme(name).startswith("http"):
            options |= {
                "reconnect": "1",
                "reconnect_streamed": "1",
                "reconnect_on_network_error": "1",
                "reconnect_delay_max": "5",
            }
        if scheme(name).startswith("rtsp"):
            options["rtsp_transport"] = "tcp"
    # libav takes whatever stands before a colon for a protocol.
    target = str(name) if is_url(name) or ":" not in str(name) else os.path.abspath(name)
    try:
        container = _open(carrier or target, format, options, limit)
    except (FFmpegError, ValueError) as error:
        raise SourceError(f"cannot open {name}: {(carrier and carrier.failure) or reason(error)}") from error
    if is_url(name) or not hides_an_end(container):
        return container
    try:
        whole = _open(target, format, options | WHOLE, None)
    except (FFmpegError, ValueError) as error:
        container.close()
        raise SourceError(f"cannot open {name}: {reason(error)}") from error
    if is_by_mistake(container, whole):
        container, whole = whole, container
    whole.close()
    return container


def _open(
    target: str | CarrierReader, format: str | None, options: dict[str, str], limit: tuple[float, float] | None
) -> InputContainer:
    """Old files have tags in Latin-1; whatever it is, no film is unreadable for its title."""
    try:
        return av.open(target, "r", format=format, options=options, timeout=limit, metadata_errors=_errors(target))
    except UnicodeDecodeError:
        return av.open(target, "r", format=format, options=options, timeout=limit, metadata_encoding="latin-1")


def _errors(target: str | CarrierReader) -> str:
    """A stream cannot be opened a second time."""
    return "strict" if isinstance(target, str) and not is_url(target) else "replace"


def open_carrier(name: str | os.PathLike[str], timeout: float) -> CarrierReader | None:
    """What brings the bytes of an address that PyAV does not speak; None where it reads by itself."""
    return open_reader(str(name), timeout=timeout) if scheme(name) == "srt" and not is_native() else None


def reason(error: BaseException) -> str:
    """What libav said, without its numbers."""
    text = getattr(error, "strerror", None) or str(error)
    if "Invalid data" in text:
        return "it is no video, or damaged"
    return "it is empty, or cut off at its beginning" if text == "End of file" else text


def is_cover(stream: Stream) -> bool:
    """Whether this is a picture beside the film, which containers that can hold music have as a video track."""
    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def video_stream(container: InputContainer, name: str) -> VideoStream:
    """The first film track: neither cover art nor a thumbnail. Raises :class:`SourceError` where there is none."""
    for stream in container.streams.video:
        if (
            not is_cover(stream)
            # PyAV says it always has one; a track in an unknown codec has none.
            and stream.codec_context is not None  # pyright: ignore[reportUnnecessaryComparison]
        ):
            return stream
    raise SourceError(f"{name} has no video track that can be decoded")


def check_pixels(width: int, height: int, limit: int, name: str) -> None:
    """Refuse pictures over the limit; raises :class:`SourceError`."""
    if width * height > limit:
        raise SourceError(
            f"{name} is {width}x{height}: more than the limit of {limit:,} pixels a picture (--max-pixels raises it)"
        )
