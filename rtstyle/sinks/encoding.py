"""The encoder of one film track: RGB frames in, packets in a container out."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter

from rtstyle.frame import Frame, StreamInfo
from rtstyle.sinks.encoders import EncoderPlan
from rtstyle.sinks.palette import Palette
from rtstyle.sources.colour import ACCURATE

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

BT709 = 1
"""The number of BT.709 as matrix, primaries and transfer curve alike (ISO/IEC 23091-2)."""

GIF_TICK = Fraction(1, 100)

X265_DELAY = 2
"""How many pictures x265 decodes ahead of showing them: with no more than these in the film it never learns how long that is."""

SVT_RATE = Fraction(240)
"""Frames a second: SVT-AV1 refuses more. The rate only helps it to share the bits out; the frames keep their times."""


class FilmEncoder:
    """Adds a video track for frames like ``first`` to ``output`` and fills it; ``shift`` seconds are added to every time."""

    def __init__(self, output: OutputContainer, plan: EncoderPlan, info: StreamInfo, first: Frame, *, shift: Fraction) -> None:
        self._output = output
        self._plan = plan
        self._shift = shift
        self._scaler = VideoReformatter()
        self._palette = Palette() if plan.codec == "gif" else None
        self._durations: dict[int, int] = {}
        self._last_dts: Fraction | None = None
        self._last_moment: int | None = None
        self._pictures = 0
        self.stream = self._add_stream(info, first)

    def encode(self, frame: Frame) -> bool:
        """Encode one frame and write what the encoder gives back; False where a GIF, which counts in 1/100 s, has one for that
        moment already, so that this one is left out."""
        if self._palette is not None:
            moment = round((frame.pts_seconds + self._shift) / GIF_TICK)
            if self._last_moment is not None and moment <= self._last_moment:
                return False
            self._last_moment = moment
        self.encode_picture(frame, self.picture(frame))
        return True

    def encode_picture(self, frame: Frame, picture: VideoFrame) -> None:
        """The same where ``picture``, the frame in the encoder's own format, is there already."""
        picture.time_base = frame.time_base
        picture.pts = frame.pts + round(self._shift / frame.time_base)
        if frame.duration:
            picture.duration = self._durations[picture.pts] = frame.duration
        self._pictures += 1
        self._write(self.stream.encode(picture))

    def finish(self) -> None:
        """Write what is still inside the encoder."""
        packets = self.stream.encode(None)
        if self._plan.encoder == "libx265" and self._pictures <= X265_DELAY:
            for packet in packets:  # x265 left their decoding times unset: what stands there is chance
                packet.dts = packet.pts
        self._write(packets)

    def copy(self, packet: Packet[VideoStream]) -> None:
        """Write a packet that was encoded with the same settings before."""
        packet.stream = self.stream
        self._write([packet])

    def _write(self, packets: list[Packet[VideoStream]]) -> None:
        for packet in packets:
            # Encoders with a delay forget how long a frame lasts; the last one's length is the end of the film.
            if packet.pts is not None and (duration := self._durations.pop(packet.pts, None)):
                packet.duration = duration
            self._keep_order(packet)
            self._output.mux_one(packet)

    def _keep_order(self, packet: Packet[VideoStream]) -> None:
        """A film that goes on with a second encoder may repeat a decoding time; containers refuse that."""
        if packet.dts is None:
            return
        unit = Fraction(packet.time_base)
        if self._last_dts is not None and packet.dts * unit <= self._last_dts:
            packet.dts = int(self._last_dts / unit) + 1
        self._last_dts = packet.dts * unit

    def _add_stream(self, info: StreamInfo, first: Frame) -> VideoStream:
        height, width = first.size
        it = self._plan
        rate = info.rate or Fraction(25)
        if it.encoder == "libsvtav1":
            rate = min(rate, SVT_RATE)
        stream: VideoStream = self._output.add_stream(it.encoder, rate=rate, options=it.options)  # type: ignore[assignment]
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = width, height, it.pixel_format
        context.time_base = stream.time_base = first.time_base
        context.thread_count = it.threads
        if it.bitrate:
            context.bit_rate = it.bitrate
        if it.tag:
            context.codec_tag = it.tag
        if info.pixel_aspect != 1:
            context.sample_aspect_ratio = info.pixel_aspect
        if it.is_yuv:
            context.colorspace = context.color_primaries = context.color_trc = BT709
            context.color_range = ColorRange.MPEG
        return stream

    def picture(self, frame: Frame) -> VideoFrame:
        """A frame in the format that the encoder takes."""
        rgb = av.VideoFrame.from_ndarray(frame.data, format="rgb24")
        if self._palette is not None:
            return self._palette.apply(rgb)
        if not self._plan.is_yuv:
            return self._scaler.reformat(rgb, format=self._plan.pixel_format, threads=1)
        picture = self._scaler.reformat(
            rgb,
            format=self._plan.pixel_format,
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            interpolation=ACCURATE,
            threads=1,
        )
        picture.color_primaries, picture.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        return picture
