"""Where a live stream can be sent, and the connection to it."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.error import FFmpegError

from rtstyle.errors import SinkError, UsageError
from rtstyle.sinks import sender
from rtstyle.sinks.staging import check_output
from rtstyle.sources.carrier import CarrierWriter
from rtstyle.sources.opening import check_protocol, is_url, reason, scheme
from rtstyle.sources.srt import is_native, open_writer
from rtstyle.system.folders import entries

if TYPE_CHECKING:
    from av.container import OutputContainer

FORMATS = {
    "rtmp": ("flv", "flv"),
    "rtmps": ("flv", "flv"),
    "rtsp": ("rtsp", "ts"),
    "srt": ("mpegts", "ts"),
    "udp": ("mpegts", "ts"),
    "tcp": ("mpegts", "ts"),
    "rtp": ("rtp_mpegts", "ts"),
}
"""Per protocol libav's format and the container whose rules hold."""
SEGMENT_SECONDS = 2
KEEP_SEGMENTS = 6
"""How far back viewers of a live playlist can go; a film keeps all its segments."""


def is_broadcast(output: str) -> bool:
    """Whether an output name is an address or a playlist."""
    return is_url(output) or output.lower().endswith(".m3u8")


def playlist_files(output: str) -> list[Path]:
    """The playlist and the segments that are there under the names that a playlist takes; none for an address."""
    path = Path(output)
    if is_url(output) or not os.path.isdir(path.parent):
        return []
    name = re.compile(rf"{re.escape(path.stem)}({re.escape(path.suffix)}|\d+\.ts)")
    return [it for it in entries(path.parent) if name.fullmatch(it.name)]


def check_playlist(output: str, *, overwrite: bool) -> None:
    """Refuse, before any work, a playlist that cannot be written or would replace one; raises :class:`UsageError`."""
    if is_url(output):
        return
    check_output(Path(output), overwrite=True)
    if not overwrite and (there := playlist_files(output)):
        raise UsageError(f"{there[0]} exists already; --overwrite replaces the playlist")


def formats_of(output: str) -> tuple[str, str]:
    """Libav's format and our container for an address or a playlist.

    Raises :class:`UsageError` for a name or a protocol that cannot be sent to, and for a playlist in a folder that is not there.
    """
    legal = f"legal: {', '.join(f'{protocol}://' for protocol in FORMATS)}, or a file NAME.m3u8"
    if not is_broadcast(output):
        raise UsageError(f"cannot send to '{output}'; {legal}")
    if not is_url(output):
        if not os.path.isdir(Path(output).parent):
            raise UsageError(f"the folder {Path(output).parent} of the playlist does not exist; make it first")
        return "hls", "m3u8"
    if scheme(output) not in FORMATS:
        raise UsageError(f"cannot send to {scheme(output)}://; {legal}; a file of that name is ./{output}")
    check_protocol(scheme(output))
    return FORMATS[scheme(output)]


class HlsPlaylist:
    """A playlist that is being written: libav passes over what goes wrong with it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before = self._state()

    def check_end(self) -> None:
        """Raise :class:`SinkError` where it does not tell of the whole film."""
        if (state := self._state()) is None or state == self._before or not state[1].rstrip().endswith("#EXT-X-ENDLIST"):
            raise SinkError(f"{self._path} was not written to its end: is the disk full, or the folder gone?")

    def _state(self) -> tuple[int, str] | None:
        try:
            return self._path.stat().st_mtime_ns, self._path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None


class Connection:
    """An open connection; ``container`` takes the tracks. Raises :class:`SinkError` where the other side does not answer."""

    def __init__(self, output: str, *, live: bool, timeout: float) -> None:
        self._carrier: CarrierWriter | None = None
        muxer, _ = formats_of(output)
        self._playlist = HlsPlaylist(Path(output)) if muxer == "hls" else None
        options = _muxer_options(muxer, live=live)
        try:
            self._carrier = _carrier(output, timeout)
            target = self._carrier or output
            self.container: OutputContainer = av.open(
                target, "w", format=muxer, container_options=options, timeout=(timeout, timeout)
            )
        except (FFmpegError, ValueError) as error:
            self.cut()
            raise SinkError(f"cannot send to {output}: {reason(error)}") from error

    def close(self) -> None:
        """Write the end and let it arrive; raises :class:`FFmpegError` or :class:`SinkError` where it cannot."""
        try:
            begun = bool(self.container.streams)
            self.container.close()
            if self._carrier is not None:
                self._carrier.finish()
            if self._playlist is not None and begun:
                self._playlist.check_end()
        finally:
            self.cut()

    def cut(self) -> None:
        """Give it up at once, whatever hangs in it."""
        if self._carrier is not None:
            self._carrier.close()


def _carrier(output: str, timeout: float) -> CarrierWriter | None:
    """Who connects in our place; None where nothing has to be connected."""
    if scheme(output) == "srt" and not is_native():
        return open_writer(output, timeout=timeout)
    if scheme(output) in ("rtmp", "rtmps", "srt", "tcp"):
        return CarrierWriter(output, [sys.executable, sender.__file__, output], timeout=timeout)
    return None


def _muxer_options(muxer: str, *, live: bool) -> dict[str, str]:
    if muxer == "hls":
        flags = "independent_segments+temp_file" + ("+delete_segments" if live else "")
        return {"hls_time": str(SEGMENT_SECONDS), "hls_flags": flags, "hls_list_size": str(KEEP_SEGMENTS if live else 0)}
    if muxer == "rtsp":
        return {"rtsp_transport": "tcp"}
    return {"flvflags": "no_duration_filesize"} if muxer == "flv" else {"flush_packets": "1"}
