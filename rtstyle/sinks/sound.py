"""Sound encoded anew, for a container that cannot hold it as it is."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from av.audio.resampler import AudioResampler
from av.error import FFmpegError

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet

logger = logging.getLogger(__name__)

BITRATE = 192_000


class SoundEncoder:
    """Decodes one sound track and encodes it with ``codec``, ``shift`` seconds later."""

    def __init__(self, output: OutputContainer, stream: AudioStream, codec: str, shift: Fraction) -> None:
        self._output = output
        self._decoder = stream.codec_context
        self._shift = shift
        rate = 48000 if codec == "libopus" else self._decoder.sample_rate
        self.stream: AudioStream = output.add_stream(codec, rate=rate, bit_rate=BITRATE)  # type: ignore[assignment]
        self.stream.codec_context.layout = self._decoder.layout
        self._resampler = AudioResampler(format=self.stream.codec_context.format, layout=self._decoder.layout, rate=rate)

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
            for part in self._resampler.resample(frame):
                self._output.mux(self.stream.encode(part))

    def finish(self) -> None:
        """Write what is still inside the decoder and the encoder."""
        self.feed(None)
        for part in self._resampler.resample(None):
            self._output.mux(self.stream.encode(part))
        self._output.mux(self.stream.encode(None))
