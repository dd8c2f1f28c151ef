"""Copies the tracks of a film into its painted twin: packets as they are, anew only what the container cannot hold."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

from av.error import FFmpegError
from av.stream import Disposition

from rtstyle.sinks.encoders import EDIT_LISTS
from rtstyle.sinks.sound import SoundEncoder
from rtstyle.sinks.subtitles import WITHOUT_TEXT, SubtitleConverter, is_text
from rtstyle.sources.tracks import Cover, Tracks

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.container.core import Chapter
    from av.packet import Packet
    from av.stream import Stream

CONTAINER_TAGS = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "handler_name", "vendor_id"}
)
"""Tags that describe the old file, not the film."""
OPUS_CONTAINERS = ("webm",)
TRANSPORT_SOUND = frozenset({"aac", "aac_latm", "mp2", "mp3", "ac3", "eac3", "opus", "dts"})
"""What a transport stream has a number for: libav puts any other sound into one as data that nobody plays."""
TRANSPORT_CONTAINERS = ("ts", "m3u8")


class _Converter(Protocol):
    """Takes packets of one track and writes them in another form."""

    def feed(self, packet: Packet[Any]) -> None: ...

    def finish(self) -> None: ...


class TrackCopier:
    """Adds the tracks of ``tracks`` to ``output`` and moves their packets over, ``shift`` seconds later.

    Make it after the video stream was added and before the first packet is written. Streams of ``tracks`` are not looked at
    afterwards: a live input may have been closed and opened again meanwhile.
    """

    def __init__(self, output: OutputContainer, tracks: Tracks, *, container: str, shift: Fraction = Fraction(0)) -> None:
        self.notices: list[str] = []
        self._output = output
        self._tracks = tracks
        self._container = container
        self._shift = shift
        self._copied: dict[int, Stream] = {}
        self._converted: dict[int, _Converter] = {}
        self._without_warm_up: set[int] = set()
        self._covers: list[tuple[Stream, Cover]] = []
        for stream in tracks.streams:
            self._add(stream)
        for cover in tracks.covers:
            self._add_cover(cover)
        self.notices += [f"{kind} track {index} is left out" for index, kind in tracks.left_out]
        self._describe()

    def copy(self, until: Fraction | None) -> None:
        """Move everything that is due up to ``until``, in seconds of the input; the rest for None."""
        while self._covers:
            stream, cover = self._covers.pop()
            cover.packet.stream = stream
            self._output.mux_one(cover.packet)
        for packet in self._tracks.packets(until):
            self._move(packet)
        if until is None:
            for converter in self._converted.values():
                converter.finish()

    def _add(self, stream: Stream) -> None:
        if stream.type == "attachment" and self._container != "mkv":
            name = stream.metadata.get("filename", "")
            self.notices.append(f".{self._container} cannot hold attachments: {name or stream.index} is left out (.mkv holds it)")
            return
        if (self._container in WITHOUT_TEXT and is_text(stream)) or self._is_unplayable_sound(stream):
            self._substitute(stream)
            return
        try:
            copy = self._output.add_stream_from_template(stream)
        except (ValueError, FFmpegError):
            self._substitute(stream)
            return
        _carry_tags(stream, copy)
        self._copied[stream.index] = copy
        if self._has_silent_warm_up(stream):
            self._without_warm_up.add(stream.index)

    def _substitute(self, stream: Stream) -> None:
        name = stream.codec_context.name if stream.codec_context else stream.type
        if self._container == "gif":
            if stream.type == "audio":
                self.notices.append("a GIF has no sound: it was left out")
            return
        cannot = f".{self._container} cannot hold {name} {'sound' if stream.type == 'audio' else stream.type + 's'}"
        if stream.type == "audio":
            codec = "libopus" if self._container in OPUS_CONTAINERS else "aac"
            sound = SoundEncoder(self._output, stream, codec, self._shift)  # type: ignore[arg-type]
            self._converted[stream.index] = sound
            _carry_tags(stream, sound.stream)
            mixed = ", mixed down to stereo" if sound.mixed_down else ""
            self.notices.append(f"{cannot}: track {stream.index} was encoded as {codec.removeprefix('lib')}{mixed}")
            return
        try:
            text = SubtitleConverter(self._output, stream, self._container, self._shift)
        except ValueError:
            self.notices.append(f"{cannot}: track {stream.index} is left out (.mkv holds it)")
            return
        self._converted[stream.index] = text
        _carry_tags(stream, text.stream)
        self.notices.append(f"{cannot}: the text of track {stream.index} was written as {text.form}")

    def _add_cover(self, cover: Cover) -> None:
        try:
            if self._container == "mkv":
                self._output.add_attachment(cover.file_name, cover.media_type, bytes(cover.packet))
                return
            if self._container == "mp4":
                stream = self._output.add_stream_from_template(cover.stream)
                stream.disposition = Disposition.attached_pic
                self._covers.append((stream, cover))
                return
        except (AttributeError, ValueError, FFmpegError):  # AttributeError: an older PyAV
            pass
        self.notices.append(f".{self._container} cannot hold this cover picture: it is left out (.mp4 and .mkv hold it)")

    def _describe(self) -> None:
        self._output.metadata.update(
            {key: value for key, value in self._tracks.tags.items() if key.lower() not in CONTAINER_TAGS}
        )
        chapters = [moved for chapter in self._tracks.chapters if (moved := _moved_chapter(chapter, self._shift))]
        if chapters:
            self._output.set_chapters(chapters)

    def _move(self, packet: Packet[Any]) -> None:
        converter = self._converted.get(packet.stream_index)
        if converter is not None:
            converter.feed(packet)
            return
        copy = self._copied.get(packet.stream_index)
        if copy is None:
            return
        moved = round(self._shift / Fraction(packet.time_base))
        if packet.stream_index in self._without_warm_up and packet.pts is not None and packet.pts + moved < 0:
            return
        packet.pts = None if packet.pts is None else packet.pts + moved
        packet.dts = None if packet.dts is None else packet.dts + moved
        packet.stream = copy
        self._output.mux_one(packet)

    def _is_unplayable_sound(self, stream: Stream) -> bool:
        if stream.type != "audio" or self._container not in TRANSPORT_CONTAINERS:
            return False
        known = stream.codec_context is not None  # pyright: ignore[reportUnnecessaryComparison]
        return known and stream.codec_context.codec.canonical_name not in TRANSPORT_SOUND

    def _has_silent_warm_up(self, stream: Stream) -> bool:
        """Whether sound before zero is to be left out: it is there to start its decoder, not to be heard.

        An edit list hides it, and other containers have their own way for sound that brings the number of these samples
        along; sound out of an mp4 brings it only with Opus, and would delay the whole film by its length.
        """
        if stream.type != "audio" or self._container in EDIT_LISTS:
            return False
        return "mp4" in stream.container.format.name and stream.codec_context.name not in ("opus", "libopus")


def _carry_tags(stream: Stream, copy: Stream) -> None:
    copy.metadata.update({key: value for key, value in stream.metadata.items() if key.lower() not in CONTAINER_TAGS})
    copy.disposition = stream.disposition


def _moved_chapter(chapter: Chapter, shift: Fraction) -> Chapter | None:
    """The chapter ``shift`` seconds later; None where it ends before the film begins."""
    unit = Fraction(chapter["time_base"] or Fraction(1, 1000))
    moved = round(shift / unit)
    if chapter["end"] + moved <= 0:
        return None
    return {**chapter, "start": max(0, chapter["start"] + moved), "end": chapter["end"] + moved}
