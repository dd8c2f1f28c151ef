"""Uploaded clips: what they are by their first bytes, and whether they are within bounds."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av.error import FFmpegError

from rtstyle.errors import RTStyleError
from rtstyle.frame import Frame
from rtstyle.pixels import Size
from rtstyle.sources.opening import open_container, video_stream
from rtstyle.sources.reading import ReadOptions
from rtstyle.sources.video import VideoSource
from rtstyle.webui.limits import check_bytes
from rtstyle.webui.messages import VisitorError
from rtstyle.webui.settings import Limits

HEAD_BYTES = 400
UNREADABLE = "That file is not a clip we can read. MP4, MOV, WebM, MKV, AVI, MPEG, FLV, Ogg and GIF work."


@dataclass(frozen=True, kw_only=True)
class Clip:
    """An upload that was looked at and found fit."""

    path: Path
    size: Size
    seconds: float
    """As the file says, or where it does not, as its frames' times do."""
    frames: int
    start: Fraction
    """The time of its first frame, in seconds."""
    options: ReadOptions
    """How to read it; never longer than the limit, whatever the file says of itself."""

    def frame_at(self, share: float) -> Frame:
        """The frame at ``share`` of the clip, in [0, 1]."""
        last = self.seconds * max(0.0, 1 - 1.5 / max(1, self.frames))  # half a frame early, for the first frame from there on
        wanted = self.start + Fraction(min(self.seconds * share, last)).limit_denominator(1000)
        for moment in (wanted, Fraction(0)):  # a file may hold less than it says
            options = ReadOptions(start=moment or None, max_pixels=self.options.max_pixels)
            try:
                with VideoSource(self.path, options) as source:
                    return next(iter(source))
            except RTStyleError:
                continue
        raise VisitorError(UNREADABLE)


def open_clip(path: str | None, limits: Limits) -> Clip:
    """Look at an uploaded clip; raises :class:`VisitorError` for one that is absent, too large, too long or no clip."""
    if not path:
        raise VisitorError("Add a clip first: upload one, or click the example.")
    file = Path(path)
    check_bytes(file, limits.clip_bytes, "clip")
    with file.open("rb") as opened:
        head = opened.read(HEAD_BYTES)
    if not looks_like_a_clip(head):
        raise VisitorError(UNREADABLE)
    longest = Fraction(limits.clip_seconds).limit_denominator(1000)
    try:
        with open_container(file) as container:
            coded = video_stream(container, "the clip").codec_context
            width, height = coded.width, coded.height
        if height * width > limits.clip_pixels:
            allowed = f"up to {limits.clip_pixels / 1e6:.1f} megapixels a frame are painted here"
            raise VisitorError(f"That clip is {width}x{height}; {allowed}.")
        with VideoSource(file, ReadOptions(max_pixels=limits.clip_pixels)) as source:
            info = source.info
    except VisitorError:
        raise
    except RTStyleError as error:
        raise VisitorError(UNREADABLE) from error
    if info.frames and info.rate:
        frames, seconds = info.frames, float(info.frames / info.rate)
    else:
        frames, seconds = measure(file)
    if seconds > limits.clip_seconds:
        raise VisitorError(f"That clip lasts {seconds:.0f} s; up to {limits.clip_seconds:g} s are painted here. Cut it first.")
    options = ReadOptions(end=info.start + longest, max_pixels=limits.clip_pixels)
    return Clip(path=file, size=info.size, seconds=seconds, frames=frames, start=info.start, options=options)


def measure(file: Path) -> tuple[int, float]:
    """Frames and seconds of a clip that does not say them, as those of a browser's recorder do not; nothing is decoded."""
    times: list[Fraction] = []
    with open_container(file) as container, suppress(FFmpegError):  # what comes before a damaged end counts
        for packet in container.demux(video_stream(container, "the clip")):
            if packet.pts is not None:
                times.append(packet.pts * packet.time_base)
    if not times:
        return 1, 0.0
    span = max(times) - min(times)
    return len(times), float(span * len(times) / max(1, len(times) - 1))  # the last frame is shown for a while too


def looks_like_a_clip(head: bytes) -> bool:
    """Whether a file's first bytes are those of a film.

    Everything else stays away from the demuxers: playlists and scripts (HLS, concat, DASH) are text that can name
    other files of this machine, whatever suffix they carry.
    """
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return True
    if head.startswith((b"\x1a\x45\xdf\xa3", b"GIF8", b"FLV", b"OggS", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3")):
        return True
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return True
    return len(head) > 188 and head[0] == head[188] == 0x47
