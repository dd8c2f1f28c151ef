"""Sound encoded anew, for a container that cannot hold it as it is."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.layout import AudioLayout
from av.audio.resampler import AudioResampler
from av.error import FFmpegError

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet

logger = logging.getLogger(__name__)

BITRATE = 192_000
RATE = 48_000
"""Samples per second that every encoder takes; Opus is always heard at this rate."""


class SoundEncoder:
    """Decodes one sound track and encodes it with ``codec``, ``shift`` seconds later."""

    def __init__(self, output: OutputContainer, stream: AudioStream, codec: str, shift: Fraction) -> None:
        self._output = output
        self._decoder = stream.codec_context
        self._shift = shift
        rate, layout = _accepted(codec, self._decoder.sample_rate, self._decoder.layout)
        self.mixed_down = layout.nb_channels < self._decoder.layout.nb_channels
        """Whether the encoder does not know its speakers, so that there are fewer now."""
        self.stream: AudioStream = output.add_stream(codec, rate=rate, bit_rate=BITRATE)  # type: ignore[assignment]
        self.stream.codec_context.layout = layout
        self._resampler = self._new_resampler()
        self._end: Fraction | None = None
        """When the sound so far ends, in seconds of the output."""
        self._form: tuple[str, str, int] | None = None
        """Of the sound decoded last: format, speakers, rate."""

    def feed(self, packet: Packet[Any] | None) -> None:
        """Encode and write what a packet holds; damage is skipped."""
        try:
            frames = self._decoder.decode(packet)
        except FFmpegError as error:
            logger.info("a damaged packet of sound was skipped: %s", error)
            return
        for frame in frames:
            if frame.pts is not None and frame.time_base:
                frame.pts += round(self._shift / Fraction(frame.time_base))
            if not self._goes_on(frame):
                continue
            form = frame.format.name, frame.layout.name, frame.sample_rate
            if form != self._form and self._form is not None:
                self._drain()
            self._form = form
            for part in self._resampler.resample(frame):
                self._output.mux(self.stream.encode(part))

    def finish(self) -> None:
        """Write what is still inside the decoder and the encoder."""
        self.feed(None)
        self._drain()
        self._output.mux(self.stream.encode(None))

    def _goes_on(self, frame: AudioFrame) -> bool:
        """Whether less than half of it is due before the sound so far ends: where recordings were joined, some is there twice."""
        lasts = Fraction(frame.samples, frame.sample_rate)
        if frame.pts is None or not frame.time_base:
            return True
        begins = frame.pts * Fraction(frame.time_base)
        if self._end is not None and begins + lasts / 2 < self._end:
            return False
        self._end = begins + lasts
        return True

    def _new_resampler(self) -> AudioResampler:
        context = self.stream.codec_context
        return AudioResampler(format=context.format, layout=context.layout, rate=context.sample_rate)

    def _drain(self) -> None:
        """Write what is still inside the resampler; sound of another form takes a new one."""
        for part in self._resampler.resample(None):
            self._output.mux(self.stream.encode(part))
        self._resampler = self._new_resampler()


def _accepted(codec: str, rate: int, layout: AudioLayout) -> tuple[int, AudioLayout]:
    """What is nearest to the given rate and speakers and starts the encoder: speakers at the side may stand behind instead."""
    rates = (RATE,) if codec == "libopus" else (rate, RATE)
    behind = [AudioLayout(layout.name.replace("(side)", ""))] if "(side)" in layout.name else []
    stereo = AudioLayout("stereo")
    choices = [(rate, layout) for layout in (layout, *behind, stereo) for rate in rates]
    return next((choice for choice in choices if _starts(codec, *choice)), (RATE, stereo))


def _starts(codec: str, rate: int, layout: AudioLayout) -> bool:
    trial = av.CodecContext.create(codec, "w")
    assert isinstance(trial, AudioCodecContext)
    trial.sample_rate, trial.layout, trial.bit_rate = rate, layout, BITRATE
    trial.format = (av.Codec(codec, "w").audio_formats or [])[0]
    try:
        trial.open()
    except (FFmpegError, ValueError):
        return False
    return True
