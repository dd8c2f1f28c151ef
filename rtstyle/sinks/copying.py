"""Copies the tracks of a film into its painted twin: packets as they are, sound encoded anew only where it must be."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from av.audio.resampler import AudioResampler
from av.error import FFmpegError

from rtstyle.sinks.encoders import EDIT_LISTS
from rtstyle.sources.tracks import Tracks

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.container.core import Chapter
    from av.packet import Packet
    from av.stream import Stream

logger = logging.getLogger(__name__)

CONTAINER_TAGS = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "handler_name", "vendor_id"}
)
"""Tags that describe the old file, not the film."""
OPUS_CONTAINERS = ("webm",)
AUDIO_BITRATE = 192_000


class TrackCopier:
    """Adds the tracks of ``tracks`` to ``output`` and moves their packets over, ``shift`` seconds later.

    Make it after the video stream was added and before the first packet is written.
    """

    def __init__(self, output: OutputContainer, tracks: Tracks, *, container: str, shift: Fraction = Fraction(0)) -> None:
        self.notices: list[str] = []
        self._output = output
        self._tracks = tracks
        self._container = container
        self._shift = shift
        self._copied: dict[int, Stream] = {}
        self._encoded: dict[int, _Reencoder] = {}
        for stream in tracks.streams:
            self._add(stream)
        self._describe()

    def copy(self, until: Fraction | None) -> None:
        """Move everything that is due up to ``until``, in seconds of the input; the rest for None."""
        for packet in self._tracks.packets(until):
            self._move(packet)
        if until is None:
            for encoder in self._encoded.values():
                encoder.finish()

    def _add(self, stream: Stream) -> None:
        if stream.type == "attachment" and self._container != "mkv":
            return
        try:
            copy = self._output.add_stream_from_template(stream)
        except (ValueError, FFmpegError):
            self._substitute(stream)
            return
        _carry_tags(stream, copy)
        self._copied[stream.index] = copy

    def _substitute(self, stream: Stream) -> None:
        name = stream.codec_context.name if stream.codec_context else stream.type
        if self._container == "gif":
            if stream.type == "audio":
                self.notices.append("a GIF has no sound: it was left out")
            return
        if stream.type != "audio":
            lost = f"track {stream.index} is left out (.mkv holds it)"
            self.notices.append(f".{self._container} cannot hold {name} {stream.type}s: {lost}")
            return
        codec = "libopus" if self._container in OPUS_CONTAINERS else "aac"
        self._encoded[stream.index] = _Reencoder(self._output, stream, codec, self._shift)  # type: ignore[arg-type]
        new = codec.removeprefix("lib")
        self.notices.append(f".{self._container} cannot hold {name} sound: track {stream.index} was encoded as {new}")

    def _describe(self) -> None:
        self._output.metadata.update(
            {key: value for key, value in self._tracks.tags.items() if key.lower() not in CONTAINER_TAGS}
        )
        chapters = [moved for chapter in self._tracks.chapters if (moved := _moved_chapter(chapter, self._shift))]
        if chapters:
            self._output.set_chapters(chapters)

    def _move(self, packet: Packet[Any]) -> None:
        encoder = self._encoded.get(packet.stream.index)
        if encoder is not None:
            encoder.feed(packet)
            return
        copy = self._copied.get(packet.stream.index)
        if copy is None:
            return
        moved = round(self._shift / Fraction(packet.time_base))
        if self._is_warm_up(packet, moved):
            return
        packet.pts = None if packet.pts is None else packet.pts + moved
        packet.dts = None if packet.dts is None else packet.dts + moved
        packet.stream = copy
        self._output.mux_one(packet)

    def _is_warm_up(self, packet: Packet[Any], moved: int) -> bool:
        """Sound before zero is there to start its decoder, not to be heard. An edit list hides it, and other containers
        have their own way for sound that brings the number of these samples along; sound out of an mp4 brings it only
        with Opus, and would delay the whole film by its length."""
        if packet.stream.type != "audio" or packet.pts is None or packet.pts + moved >= 0:
            return False
        lost = "mp4" in packet.stream.container.format.name and packet.stream.codec_context.name not in ("opus", "libopus")
        return lost and self._container not in EDIT_LISTS


class _Reencoder:
    """Decodes one sound track and encodes it for a container that cannot hold it as it is."""

    def __init__(self, output: OutputContainer, stream: AudioStream, codec: str, shift: Fraction) -> None:
        self._output = output
        self._input = stream
        self._shift = shift
        rate = 48000 if codec == "libopus" else stream.codec_context.sample_rate
        self._stream: AudioStream = output.add_stream(codec, rate=rate, bit_rate=AUDIO_BITRATE)  # type: ignore[assignment]
        self._stream.codec_context.layout = stream.codec_context.layout
        self._resampler = AudioResampler(format=self._stream.codec_context.format, layout=stream.codec_context.layout, rate=rate)
        _carry_tags(stream, self._stream)

    def feed(self, packet: Packet[AudioStream] | None) -> None:
        try:
            frames = self._input.codec_context.decode(packet)
        except FFmpegError as error:
            logger.info("a damaged packet of sound was skipped: %s", error)
            return
        for frame in frames:
            if frame.pts is not None and frame.time_base:
                frame.pts += round(self._shift / Fraction(frame.time_base))
            for part in self._resampler.resample(frame):
                self._output.mux(self._stream.encode(part))

    def finish(self) -> None:
        self.feed(None)
        for part in self._resampler.resample(None):
            self._output.mux(self._stream.encode(part))
        self._output.mux(self._stream.encode(None))


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
