"""Copies the tracks of a film into its painted twin: packets as they are, anew only what the container cannot hold."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

from av.audio.stream import AudioStream
from av.error import FFmpegError
from av.stream import Disposition

from rtstyle.sinks.chapters import chapters_before, moved_chapter
from rtstyle.sinks.encoders import EDIT_LISTS
from rtstyle.sinks.sound import SoundEncoder
from rtstyle.sinks.subtitles import WITHOUT_TEXT, SubtitleConverter, is_text
from rtstyle.sources.tracks import Cover, Tracks, packet_time

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from av.stream import Stream

CONTAINER_TAGS = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "handler_name", "vendor_id"}
)
"""Tags that describe the old file, not the film."""
WITH_CHAPTERS = ("mp4", "m4v", "mov", "mkv", "webm")
OPUS_CONTAINERS = ("webm",)
TRANSPORT_SOUND = frozenset({"aac", "aac_latm", "mp2", "mp3", "ac3", "eac3", "opus", "dts"})
"""What a transport stream has a number for: libav puts any other sound into one as data that nobody plays."""
FLASH_SOUND = frozenset({"aac", "mp3", "ac3", "eac3", "flac", "opus"})
"""What is sure to go into .flv: libav takes others too, and fails at most of their rates."""
FLASH_RATES = (11025, 22050, 44100, 48000)
"""Samples per second of MP3 there."""
LOWEST_MP4_RATE = 16000
"""Samples per second of MP3 from which on .mp4 and .m4v take it."""
USUAL_SPEAKERS = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
"""By the number of channels, as libav takes them where a file does not say."""
REFUSED_IN_MOV = frozenset({"flac", "opus"})
"""Sound that libav has a number for in .mov, and then does not write."""


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
        self._kinds = {stream.index: stream.type for stream in tracks.streams}
        self._copied: dict[int, Stream] = {}
        self._converted: dict[int, _Converter] = {}
        self._without_warm_up: set[int] = set()
        self._covers: list[tuple[Stream, Cover]] = []
        self._last: dict[int, Fraction] = {}
        self._behind = 0
        """Packets that were left out because they were due before their track's last one."""
        for stream in tracks.streams:
            self._add(stream)
        for cover in tracks.covers:
            self._add_cover(cover)
        if tracks.chapters and container not in WITH_CHAPTERS:
            self.notices.append(f".{container} cannot hold chapters: they are left out (.mkv and .mp4 hold them)")
        self.notices += [f"{kind} track {index} is left out" for index, kind in tracks.left_out]
        self._output.metadata.update({key: value for key, value in tracks.tags.items() if key.lower() not in CONTAINER_TAGS})

    def copy(self, until: Fraction | None) -> None:
        """Move everything that is due up to ``until``, in seconds of the input; the rest for None."""
        while self._covers:
            stream, cover = self._covers.pop()
            cover.packet.stream = stream
            self._output.mux_one(cover.packet)
        for packet in self._tracks.packets(until):
            if self._goes_on(packet):
                self._move(packet)
        if until is None:
            if self._behind:
                self.notices.append(f"{self._behind} packets of sound or subtitles go back in time: they are left out")
            for converter in self._converted.values():
                converter.finish()

    def write_chapters(self, end: Fraction | None) -> None:
        """Right before the container is closed, when it is known how long the film is: its chapters up to ``end``, in seconds
        of the input; all for None."""
        chapters = [moved for it in chapters_before(end, self._tracks.chapters) if (moved := moved_chapter(it, self._shift))]
        if chapters:
            self._output.set_chapters(chapters)

    def _add(self, stream: Stream) -> None:
        if stream.type == "attachment" and self._container != "mkv":
            name = stream.metadata.get("filename", "")
            self.notices.append(f".{self._container} cannot hold attachments: {name or stream.index} is left out (.mkv holds it)")
            return
        if (self._container in WITHOUT_TEXT and is_text(stream)) or (stream.type == "audio" and not self._holds_sound(stream)):
            self._substitute(stream)
            return
        try:
            copy = self._output.add_stream_from_template(stream)
        except (ValueError, FFmpegError):
            self._substitute(stream)
            return
        _name_speakers(copy)
        _carry_tags(stream, copy)
        self._copied[stream.index] = copy
        if self._has_silent_warm_up(stream):
            self._without_warm_up.add(stream.index)

    def _substitute(self, stream: Stream) -> None:
        if self._container == "gif":
            if stream.type == "audio":
                self.notices.append("a GIF has no sound: it was left out")
            return
        if stream.codec_context is None:  # pyright: ignore[reportUnnecessaryComparison]
            self.notices.append(f"track {stream.index} is left out: its codec is not known here")
            return
        kind = "sound" if stream.type == "audio" else f"{stream.type}s"
        cannot = f".{self._container} cannot hold {stream.codec_context.name} {kind}"
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

    def _goes_on(self, packet: Packet[Any]) -> bool:
        """Whether it comes after its track's packets before: in damaged films and joined recordings not all do, and containers
        refuse those. Only Matroska takes sound twice at a time, and needs it: its times are too coarse for short packets."""
        due = packet_time(packet)
        last = self._last.get(packet.stream_index, due - 1)
        if due < last or (
            due == last and self._kinds.get(packet.stream_index) == "audio" and self._container not in ("mkv", "webm")
        ):
            self._behind += 1
            return False
        self._last[packet.stream_index] = due
        return True

    def _move(self, packet: Packet[Any]) -> None:
        moved = round(self._shift / Fraction(packet.time_base))
        if self._kinds[packet.stream_index] == "subtitle" and packet.pts is not None and packet.pts + moved < 0:
            # It is on the screen when the film begins: its time before that is no part of it.
            packet.duration = max(0, (packet.duration or 0) + packet.pts + moved)
            packet.pts = packet.dts = -moved
        converter = self._converted.get(packet.stream_index)
        if converter is not None:
            converter.feed(packet)
            return
        copy = self._copied.get(packet.stream_index)
        if copy is None:
            return
        if packet.stream_index in self._without_warm_up and packet.pts is not None and packet.pts + moved < 0:
            return
        packet.pts = None if packet.pts is None else packet.pts + moved
        packet.dts = None if packet.dts is None else packet.dts + moved
        packet.stream = copy
        self._output.mux_one(packet)

    def _holds_sound(self, stream: Stream) -> bool:
        if stream.codec_context is None:  # pyright: ignore[reportUnnecessaryComparison]
            return False
        name = stream.codec_context.codec.canonical_name
        rate: int = stream.codec_context.sample_rate  # pyright: ignore[reportAttributeAccessIssue] - it is sound's
        if self._container in ("ts", "m3u8"):
            return name in TRANSPORT_SOUND
        if self._container == "flv":
            return name in FLASH_SOUND and (name != "mp3" or rate in FLASH_RATES)
        if self._container == "mov":
            return name not in REFUSED_IN_MOV
        return name != "mp3" or rate >= LOWEST_MP4_RATE or self._container not in EDIT_LISTS

    def _has_silent_warm_up(self, stream: Stream) -> bool:
        """Whether sound before zero is to be left out: it is there to start its decoder, not to be heard.

        An edit list hides it, and other containers have their own way for sound that brings the number of these samples
        along; sound out of an mp4 brings it only with Opus, and would delay the whole film by its length.
        """
        if stream.type != "audio" or self._container in EDIT_LISTS:
            return False
        return "mp4" in stream.container.format.name and stream.codec_context.name not in ("opus", "libopus")


def _name_speakers(copy: Stream) -> None:
    """Old containers only count the channels of plain sound, and an mp4 without their names is refused when it is finished."""
    if not isinstance(copy, AudioStream):
        return
    layout = copy.codec_context.layout
    if layout.name.endswith("channels") and layout.nb_channels in USUAL_SPEAKERS:
        copy.codec_context.layout = USUAL_SPEAKERS[layout.nb_channels]


def _carry_tags(stream: Stream, copy: Stream) -> None:
    copy.metadata.update({key: value for key, value in stream.metadata.items() if key.lower() not in CONTAINER_TAGS})
    copy.disposition = stream.disposition
