"""Synthetic clips, made with PyAV while the tests run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from rtstyle.nets import build_network
from rtstyle.styles import StyleBank
from rtstyle.stylizer import Stylizer

WIDTH, HEIGHT = 64, 48
BARS = ((191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0), (0, 0, 191), (0, 0, 0))
"""75 % colour bars, RGB."""


def small_stylizer(style: str = "none") -> Stylizer:
    """A stylizer that needs no weights: ``none`` passes pixels through, ``noise`` is a style nobody trained."""
    network = build_network({"arch": "transformer", "width": 4})
    return Stylizer(StyleBank(network, {"noise": torch.zeros(network.style_size)}, tier="test"), style)


def numbered(index: int, size: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    """A grey picture whose level tells its number, with a white square that moves."""
    height, width = size
    picture = np.full((height, width, 3), 40 + 8 * (index % 20), dtype=np.uint8)
    left = (3 * index) % max(1, width - 8)
    picture[4:12, left : left + 8] = 250
    return picture


def bars(size: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    """Eight vertical colour bars."""
    height, width = size
    columns = np.array(BARS, dtype=np.uint8)[np.arange(width) * 8 // width]
    return np.broadcast_to(columns, (height, width, 3)).copy()


LUMA = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
"""Weights of red and blue in the matrices of BT.709, BT.601 and BT.2020."""


@dataclass
class Colour:
    """How a clip stores colours; the numbers are those of ISO/IEC 23091-2."""

    matrix: int = 1
    full: bool = False
    transfer: int = 1
    primaries: int = 1
    tagged: bool = True

    def encode(self, rgb: np.ndarray, pixel_format: str) -> av.VideoFrame:
        """The picture as a frame of ``pixel_format``, computed here: the tests must not lean on what they test."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24" if rgb.shape[2] == 3 else "rgba")
        if not pixel_format.startswith("yuv"):
            return frame.reformat(format=pixel_format)
        height, width = rgb.shape[:2]
        coded = av.VideoFrame(width, height, pixel_format)
        depth = 10 if "10" in pixel_format else 8
        for number, (plane, values) in enumerate(zip(coded.planes, self._planes(rgb, depth), strict=True)):
            down, right = (height // plane.height, width // plane.width) if number else (1, 1)
            small = values[: plane.height * down, : plane.width * right]
            small = small.reshape(plane.height, down, plane.width, right).mean(axis=(1, 3))
            kind = np.dtype(np.uint16 if depth > 8 else np.uint8)
            lines = np.frombuffer(plane, kind).reshape(plane.height, plane.line_size // kind.itemsize)
            lines[:, : plane.width] = np.clip(np.rint(small), 0, 2**depth - 1)
        return coded

    def _planes(self, rgb: np.ndarray, depth: int) -> list[np.ndarray]:
        of_red, of_blue = LUMA[self.matrix]
        red, green, blue = (rgb[..., i] / 255.0 for i in range(3))
        luma = of_red * red + (1 - of_red - of_blue) * green + of_blue * blue
        chroma = [(blue - luma) / 2 / (1 - of_blue), (red - luma) / 2 / (1 - of_red)]
        unit = 2 ** (depth - 8)
        if self.full:
            return [luma * (256 * unit - 1), *(c * (256 * unit - 1) + 128 * unit for c in chroma)]
        return [(16 + 219 * luma) * unit, *((128 + 224 * c) * unit for c in chroma)]

    def tag(self, stream: Any) -> None:
        if self.tagged:
            context = stream.codec_context
            context.colorspace, context.color_trc, context.color_primaries = self.matrix, self.transfer, self.primaries
            context.color_range = ColorRange.JPEG if self.full else ColorRange.MPEG


def write_clip(
    path: Path,
    pictures: Sequence[np.ndarray] | int = 12,
    *,
    times: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 25),
    rate: Fraction | int = 25,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    colour: Colour | None = None,
    container_options: dict[str, str] | None = None,
    format: str | None = None,
    audio: Sequence[str] = (),
    audio_start: Fraction = Fraction(0),
    aspect: Fraction | None = None,
    rotation: int | None = None,
    interlaced: bool = False,
    metadata: dict[str, str] | None = None,
    chapters: Sequence[tuple[float, float, str]] = (),
    durations: Sequence[int] | None = None,
) -> Path:
    """Write a clip; ``times`` are in units of ``time_base``, ``audio`` names an encoder a track."""
    pictures = [numbered(i) for i in range(pictures)] if isinstance(pictures, int) else pictures
    colour = colour or Colour()
    with av.open(str(path), "w", format=format, container_options=container_options or {}) as output:
        output.metadata.update(metadata or {})
        stream = output.add_stream(codec, rate=rate, options=options or {})
        height, width = pictures[0].shape[:2] if pictures else (HEIGHT, WIDTH)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        stream.codec_context.time_base = stream.time_base = time_base
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation:
            stream.set_display_rotation(rotation)
        if interlaced:
            stream.codec_context.flags |= 1 << 18 | 1 << 29
        colour.tag(stream)
        sounds = [_add_sound(output, name) for name in audio]
        if chapters:
            output.set_chapters([_chapter(i, *it) for i, it in enumerate(chapters)])
        if not pictures:
            output.start_encoding()
        for index, picture in enumerate(pictures):
            frame = colour.encode(picture, pixel_format)
            frame.pts = times[index] if times is not None else index
            frame.time_base = time_base
            if durations is not None:
                frame.duration = durations[index]
            output.mux(stream.encode(frame))
            if index == 0:
                for number, sound in enumerate(sounds):
                    _write_sound(output, sound, 300 + 200 * number, audio_start)
        output.mux(stream.encode(None))
        for sound in sounds:
            output.mux(sound.encode(None))
    return path


def clip_with_sound(path: Path, codec: str, layout: str, rate: int = 48000) -> Path:
    """A clip of half a second with a tone from every speaker."""
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=25)
        video.width, video.height = WIDTH, HEIGHT
        sound = output.add_stream(codec, rate=rate)
        sound.codec_context.layout = layout
        for index in range(12):
            frame = av.VideoFrame.from_ndarray(numbered(index), format="rgb24")
            frame.pts = index
            output.mux(video.encode(frame))
        wave = np.sin(np.arange(rate // 2) / 20).astype(np.float32) / 4
        tone = av.AudioFrame.from_ndarray(np.tile(wave, (sound.codec_context.channels, 1)), format="fltp", layout=layout)
        tone.sample_rate, tone.pts = rate, 0
        output.mux(sound.encode(tone))
        for stream in (video, sound):
            output.mux(stream.encode(None))
    return path


def clip_with_subtitles(path: Path, lines: Sequence[tuple[float, float, str]], *, pictures: int = 12, tracks: int = 1) -> Path:
    """An MKV of 25 pictures a second; ``lines`` (from, to, text) stand in every track, after the track's language."""
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=25)
        video.width, video.height = WIDTH, HEIGHT
        texts = [output.add_mux_stream("subrip", time_base=Fraction(1, 1000)) for _ in range(tracks)]
        for text, language in zip(texts, ("ger", "fra"), strict=False):
            text.metadata["language"] = language
        for index in range(pictures):
            frame = av.VideoFrame.from_ndarray(numbered(index), format="rgb24")
            frame.pts = index
            output.mux(video.encode(frame))
        for stream in texts:
            for begins, ends, line in lines:
                packet = av.Packet(f"{line} of {stream.metadata['language']}".encode())
                packet.stream, packet.time_base = stream, Fraction(1, 1000)
                packet.pts = packet.dts = round(1000 * begins)
                packet.duration = round(1000 * (ends - begins))
                output.mux(packet)
        output.mux(video.encode(None))
    return path


def _chapter(number: int, start: float, end: float, title: str) -> dict[str, Any]:
    unit = Fraction(1, 1000)
    return {"id": number, "start": round(start * 1000), "end": round(end * 1000), "time_base": unit, "metadata": {"title": title}}


def _add_sound(output: Any, name: str) -> Any:
    stream = output.add_stream(name, rate=48000)
    stream.codec_context.layout = "mono"
    return stream


def _write_sound(output: Any, stream: Any, pitch: float, start: Fraction, seconds: float = 0.5) -> None:
    size = stream.codec_context.frame_size or 1024
    sample_format = stream.codec_context.format.name
    for begin in range(0, int(48000 * seconds), size):
        wave = 0.3 * np.sin(2 * np.pi * pitch * np.arange(begin, begin + size) / 48000)
        samples = wave.astype(np.float32) if sample_format.startswith("flt") else (wave * 32767).astype(np.int16)
        if sample_format.startswith("s32"):
            samples = (wave * 2147483000).astype(np.int32)
        frame = av.AudioFrame.from_ndarray(samples[None], format=sample_format, layout="mono")
        frame.sample_rate = 48000
        frame.pts, frame.time_base = begin + round(start * 48000), Fraction(1, 48000)
        output.mux(stream.encode(frame))


@dataclass
class Film:
    """Everything a test may ask of a file."""

    times: list[Fraction]
    pictures: list[np.ndarray]
    packets: dict[int, list[tuple[Fraction, bytes]]]
    kinds: dict[int, str]
    tags: dict[str, str]
    chapters: list[tuple[float, float, str]]
    stream: dict[str, Any]
    seconds: float

    def track(self, kind: str, number: int = 0) -> list[tuple[Fraction, bytes]]:
        """The packets of the n-th track of a codec, as (time, bytes)."""
        return self.packets[[index for index, name in self.kinds.items() if name == kind][number]]


def read_film(path: Path) -> Film:
    """Decode and demux everything, by libav alone."""
    with av.open(str(path)) as film:
        chapters = [
            (float(c["start"] * c["time_base"]), float(c["end"] * c["time_base"]), c["metadata"].get("title", ""))
            for c in film.chapters()
        ]
        tags, seconds = dict(film.metadata), (film.duration or 0) / 1e6
        kinds = {s.index: s.codec_context.name if s.codec_context else s.type for s in film.streams}
        packets: dict[int, list[tuple[Fraction, bytes]]] = {index: [] for index in kinds}
        for packet in film.demux():
            if packet.size and packet.pts is not None:
                packets[packet.stream.index].append((packet.pts * packet.time_base, bytes(packet)))
    times, pictures, stream = [], [], {}
    with av.open(str(path)) as film:
        track = film.streams.video[0]
        context = track.codec_context
        stream = {
            "codec": context.name,
            "size": (context.height, context.width),
            "pixel_format": context.pix_fmt,
            "range": context.color_range,
            "matrix": context.colorspace,
            "transfer": context.color_trc,
            "primaries": context.color_primaries,
            "aspect": track.sample_aspect_ratio,
            "tag": context.codec_tag,
        }
        for frame in film.decode(track):
            times.append(frame.pts * frame.time_base)
            pictures.append(_rgb(frame))
    return Film(times, pictures, packets, kinds, tags, chapters, stream, seconds)


def _rgb(frame: av.VideoFrame) -> np.ndarray:
    if frame.format.is_rgb or frame.format.name == "pal8":
        return frame.to_ndarray(format="rgb24")
    tables = {1: Colorspace.ITU709, 5: Colorspace.ITU601, 6: Colorspace.ITU601, 9: Colorspace.BT2020}
    return frame.reformat(
        format="rgb24",
        src_colorspace=tables.get(frame.colorspace, Colorspace.ITU601),
        src_color_range=frame.color_range or ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT,
        threads=1,
    ).to_ndarray()
