"""Subtitles of text, brought into the form that a container takes."""

from __future__ import annotations

import logging
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
from av.error import FFmpegError
from av.subtitles.subtitle import AssSubtitle

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.subtitles.stream import SubtitleStream

logger = logging.getLogger(__name__)

FORMS = {"mp4": "mov_text", "m4v": "mov_text", "mov": "mov_text", "webm": "webvtt", "mkv": "subrip"}
"""The text subtitles of each container."""
TEXTS = frozenset({"subrip", "srt", "ass", "ssa", "mov_text", "webvtt", "text"})
WITHOUT_TEXT = ("ts", "flv", "m3u8")
"""Containers that libav puts text into in a way that nobody reads."""
MILLISECOND = Fraction(1, 1000)
_STYLE = (
    b"[Script Info]\r\nScriptType: v4.00+\r\nPlayResX: 384\r\nPlayResY: 288\r\n\r\n[V4+ Styles]\r\nFormat: Name, Fontname, "
    b"Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, "
    b"Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding\r\nStyle: Default,Arial,16,"
    b"&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,0\r\n\r\n[Events]\r\nFormat: Layer, Start, End, Style, "
    b"Name, MarginL, MarginR, MarginV, Effect, Text\r\n"
)
"""What libav's mov_text encoder wants to know: it becomes the track's default style, without which some players show nothing."""


def is_text(stream: Stream) -> bool:
    """Whether a track is subtitles of text, not of pictures."""
    return stream.codec_context is not None and stream.codec_context.name in TEXTS  # pyright: ignore[reportUnnecessaryComparison]


class SubtitleConverter:
    """Writes the text of one subtitle track in another form, ``shift`` seconds later; colours and places are not kept.

    Raises :class:`ValueError` where the track is pictures or this PyAV cannot write the form.
    """

    def __init__(self, output: OutputContainer, stream: Stream, container: str, shift: Fraction) -> None:
        self.form = FORMS.get(container, "")
        if not self.form or not is_text(stream):
            raise ValueError("no text")
        self._output = output
        self._input: SubtitleStream = stream  # type: ignore[assignment]
        self._shift = shift
        try:
            self.stream = _add_stream(output, self.form)
        except AttributeError as error:  # a PyAV that only reads subtitles
            raise ValueError("cannot be written") from error

    def feed(self, packet: Packet[Any]) -> None:
        """Convert and write one packet; damage is skipped."""
        try:
            rectangles = list(self._input.codec_context.decode2(packet) or ())
        except FFmpegError as error:
            logger.info("a damaged subtitle was skipped: %s", error)
            return
        lines = [_plain(bytes(it.ass).decode(errors="replace")) for it in rectangles if isinstance(it, AssSubtitle)]
        text = "\n".join(line for line in lines if line).encode()
        if not text or packet.pts is None:
            return
        unit = Fraction(packet.time_base)
        new: Packet[Any] = av.Packet(len(text).to_bytes(2, "big") + text if self.form == "mov_text" else text)
        new.stream = self.stream
        new.time_base = MILLISECOND
        new.pts = new.dts = round((packet.pts * unit + self._shift) / MILLISECOND)
        new.duration = round((packet.duration or 0) * unit / MILLISECOND)
        self._output.mux_one(new)

    def finish(self) -> None:
        """Nothing is held back."""


def _add_stream(output: OutputContainer, form: str) -> Stream:
    if form != "mov_text":
        return output.add_mux_stream(form, time_base=MILLISECOND)
    stream = output.add_stream(form)
    stream.codec_context.subtitle_header = _STYLE
    stream.codec_context.time_base = stream.time_base = MILLISECOND
    return stream


def _plain(event: str) -> str:
    """The text of an ASS event, without its fields and its marks."""
    text = event.split(",", 8)[-1]
    text = re.sub(r"\{[^}]*\}", "", text)
    return text.replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ").strip()
