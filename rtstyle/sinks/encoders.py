"""Which codec goes into which container, with which pixels and which encoder; every impossible pair is refused by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
from av.codec.codec import UnknownCodecError
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

from rtstyle.config import exact_number
from rtstyle.errors import UsageError
from rtstyle.pixels import Size


@dataclass(frozen=True, kw_only=True)
class Codec:
    """One video codec as we write it."""

    encoder: str
    containers: tuple[str, ...]
    pixel_format: str
    odd_pixel_format: str | None = None
    """For pictures with an odd side, where ``pixel_format`` halves the chroma and the codec cannot crop one column."""
    crf: int | None = None
    """The default quality; None where the codec has none."""
    crf_range: tuple[int, int] = (0, 51)
    preset: str | None = None
    presets: tuple[str, ...] = ()
    preset_option: str = "preset"
    options: dict[str, str] = field(default_factory=dict)
    hardware: dict[str, str] = field(default_factory=dict)
    """Per ``--hwaccel`` name the encoder."""
    tag: str | None = None
    """The four characters that players of mp4 and mov look for."""


_X264_PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
MOST_BITS = 10**9
"""Per second; some encoders count them in 32 bits."""
_NUMBERS = tuple(str(number) for number in range(14))

CODECS: dict[str, Codec] = {
    "h264": Codec(
        encoder="libx264",
        containers=("mp4", "mov", "mkv", "ts", "flv", "m3u8"),
        pixel_format="yuv420p",
        odd_pixel_format="yuv444p",
        crf=18,
        preset="veryfast",
        presets=_X264_PRESETS,
        hardware={"nvenc": "h264_nvenc", "videotoolbox": "h264_videotoolbox", "qsv": "h264_qsv"},
    ),
    "hevc": Codec(
        encoder="libx265",
        containers=("mp4", "mov", "mkv", "ts"),
        pixel_format="yuv420p",
        odd_pixel_format="yuv444p",
        crf=20,
        preset="fast",
        presets=_X264_PRESETS,
        options={"x265-params": "log-level=error"},
        hardware={"nvenc": "hevc_nvenc", "videotoolbox": "hevc_videotoolbox", "qsv": "hevc_qsv"},
        tag="hvc1",
    ),
    "av1": Codec(
        encoder="libsvtav1",
        containers=("mp4", "mkv", "webm"),
        pixel_format="yuv420p",
        crf=24,
        crf_range=(0, 63),
        preset="8",
        presets=_NUMBERS,
        hardware={"nvenc": "av1_nvenc", "qsv": "av1_qsv"},
    ),
    "vp9": Codec(
        encoder="libvpx-vp9",
        containers=("webm", "mkv", "mp4"),
        pixel_format="yuv420p",
        crf=24,
        crf_range=(0, 63),
        preset="5",
        presets=_NUMBERS[:9],
        preset_option="cpu-used",
        options={"deadline": "good", "row-mt": "1"},
    ),
    "prores": Codec(
        encoder="prores_ks",
        containers=("mov", "mkv"),
        pixel_format="yuv422p10le",
        odd_pixel_format="yuv444p10le",
        preset="hq",
        presets=("proxy", "lt", "standard", "hq", "4444", "4444xq"),
        preset_option="profile",
        hardware={"videotoolbox": "prores_videotoolbox"},
    ),
    "ffv1": Codec(encoder="ffv1", containers=("mkv",), pixel_format="bgr0", options={"level": "3", "slicecrc": "1"}),
    "gif": Codec(encoder="gif", containers=("gif",), pixel_format="pal8"),
}
DEFAULT_CODEC = {
    "mp4": "h264",
    "m4v": "h264",
    "mov": "h264",
    "mkv": "h264",
    "ts": "h264",
    "flv": "h264",
    "m3u8": "h264",
    "webm": "vp9",
    "gif": "gif",
}
CONTAINERS = tuple(DEFAULT_CODEC)
EDIT_LISTS = ("mp4", "m4v", "mov")
"""Containers that say at which moment of a track the film begins."""


@dataclass(frozen=True, kw_only=True)
class VideoOptions:
    """How a film is written. Names are checked by :func:`plan`."""

    codec: str | None = None
    """None takes the container's usual one."""
    crf: int | None = None
    preset: str | None = None
    pixel_format: str | None = None
    bitrate: int | None = None
    """Bits per second, instead of a quality."""
    hwaccel: str | None = None
    """nvenc, videotoolbox or qsv."""
    threads: int = 0
    """Encoder threads; 0 leaves it to the encoder."""


@dataclass(frozen=True, kw_only=True)
class EncoderPlan:
    """A checked choice: what is asked of libav."""

    codec: str
    encoder: str
    container: str
    pixel_format: str
    options: dict[str, str]
    bitrate: int | None
    tag: str | None
    threads: int

    @property
    def is_yuv(self) -> bool:
        """Whether colours are stored as luma and chroma, with a matrix to be tagged."""
        return self.pixel_format.startswith(("yuv", "nv", "p0", "p2"))


def container_of(path: Path, *, pictures: bool = True) -> str:
    """The container by the file's extension; raises :class:`UsageError` naming the possible ones, ``pictures`` among them."""
    container = path.suffix.lower().lstrip(".")
    if container not in DEFAULT_CODEC:
        given = f"'{path.suffix}'" if path.suffix else "a name without extension"
        legal = ", ".join("." + name for name in CONTAINERS) + (", a folder or %05d.png" if pictures else "")
        raise UsageError(f"cannot write {given} ({path.name}); use {legal}")
    return container


def plan(options: VideoOptions, container: str, size: Size | None = None) -> EncoderPlan:
    """Check every choice and fill in the defaults; ``size`` is (height, width) where it is known already.

    Raises :class:`UsageError` naming what is possible instead.
    """
    name = options.codec or DEFAULT_CODEC[container]
    codec = CODECS.get(name)
    if codec is None:
        raise UsageError(f"no codec '{name}'; there are: {', '.join(CODECS)}")
    like = "mp4" if container == "m4v" else container
    if like not in codec.containers:
        possible = [other for other, it in CODECS.items() if like in it.containers]
        homes = ", .".join(codec.containers)
        raise UsageError(f".{container} cannot hold {name}; it holds {', '.join(possible)}, and {name} goes into .{homes}")
    encoder = _encoder(name, codec, options.hwaccel)
    return EncoderPlan(
        codec=name,
        encoder=encoder,
        container=container,
        pixel_format=_pixel_format(name, codec, encoder, options, size),
        options=_codec_options(name, codec, options),
        bitrate=options.bitrate,
        tag=codec.tag if container in ("mp4", "m4v", "mov") else None,
        threads=options.threads,
    )


def _encoder(name: str, codec: Codec, hwaccel: str | None) -> str:
    if hwaccel is not None and hwaccel not in codec.hardware:
        raise UsageError(f"{name} has no hardware encoder '{hwaccel}'; {_choices(codec.hardware)}")
    encoder = codec.encoder if hwaccel is None else codec.hardware[hwaccel]
    try:
        av.Codec(encoder, "w")
    except UnknownCodecError:
        raise UsageError(f"this build of PyAV has no {encoder} encoder; leave out --hwaccel or choose another codec") from None
    if hwaccel is not None and (why := _why_not(encoder)):
        raise UsageError(f"{encoder} does not start on this machine ({why}); leave out --hwaccel or choose another codec")
    return encoder


@cache
def _why_not(encoder: str) -> str:
    """What keeps a hardware encoder from starting: a missing device or driver; empty where it starts."""
    trial = av.CodecContext.create(encoder, "w")
    assert isinstance(trial, VideoCodecContext)
    trial.width, trial.height, trial.pix_fmt, trial.time_base = 256, 256, "yuv420p", Fraction(1, 25)
    if (formats := av.Codec(encoder, "w").video_formats) and "yuv420p" not in {it.name for it in formats}:
        trial.pix_fmt = formats[0].name
    try:
        trial.open()
    except (FFmpegError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
    return ""


def _choices(names: dict[str, str]) -> str:
    return f"there are: {', '.join(names)}" if names else "it is always encoded in software"


def _pixel_format(name: str, codec: Codec, encoder: str, options: VideoOptions, size: Size | None) -> str:
    # Film codecs store grey as full-range luma and do not say so: players would show it too dark or too light.
    grey_is_safe = codec.encoder == "ffv1"
    legal = [it.name for it in av.Codec(encoder, "w").video_formats or [] if grey_is_safe or not it.name.startswith("gray")]
    chosen = options.pixel_format
    if chosen is None:
        fits = size is None or _holds(codec, codec.pixel_format, size)
        return codec.pixel_format if fits or codec.odd_pixel_format is None else codec.odd_pixel_format
    if chosen not in legal:
        raise UsageError(f"{name} cannot store pixel format '{chosen}'; it stores {', '.join(legal)}")
    if size is not None and not _holds(codec, chosen, size):
        height, width = size
        raise UsageError(
            f"{name} in {chosen} needs even sides and the picture is {width}x{height}: "
            f"use --pixel-format {codec.odd_pixel_format} or --size {width - width % 2}x{height - height % 2}"
        )
    return chosen


def _holds(codec: Codec, pixel_format: str, size: Size) -> bool:
    """Whether the codec can store this size exactly: only AV1, VP9 and FFV1 crop halved chroma by single pixels."""
    if codec.odd_pixel_format is None:
        return True
    height, width = size
    chroma = av.VideoFormat(pixel_format, 4, 4)
    return width % (4 // chroma.chroma_width(4)) == 0 and height % (4 // chroma.chroma_height(4)) == 0


def _codec_options(name: str, codec: Codec, options: VideoOptions) -> dict[str, str]:
    chosen = dict(codec.options)
    if options.crf is not None and options.bitrate is not None:
        raise UsageError("give --crf or --bitrate, not both")
    if options.bitrate is not None and not 1000 <= options.bitrate <= MOST_BITS:
        raise UsageError(f"bitrate {options.bitrate} is outside 1000..{MOST_BITS} bits per second; write for example 4M")
    if options.crf is not None and codec.crf is None:
        instead = f"its quality is its --preset: {', '.join(codec.presets)}" if codec.presets else "it has one quality"
        raise UsageError(f"{name} has no --crf; {instead}")
    low, high = codec.crf_range
    if options.crf is not None and not low <= options.crf <= high:
        raise UsageError(f"crf {options.crf} is outside {low}..{high} of {name} (lower is better, {codec.crf} is the default)")
    crf = options.crf if options.crf is not None else codec.crf
    if crf is not None and options.bitrate is None:
        # NVENC, VideoToolbox and Quick Sync each have a name of their own for constant quality.
        quality = {"nvenc": "cq", "videotoolbox": "q:v", "qsv": "global_quality"}
        chosen["crf" if options.hwaccel is None else quality[options.hwaccel]] = str(crf)
    if options.preset is not None and options.hwaccel is None and options.preset not in codec.presets:
        instead = f"there are: {', '.join(codec.presets)}" if codec.presets else "it has none"
        raise UsageError(f"{name} has no preset '{options.preset}'; {instead}")
    preset = options.preset or (codec.preset if options.hwaccel is None else None)
    if preset is not None:
        chosen[codec.preset_option] = preset
    return chosen


def parse_bitrate(text: str | None) -> int | None:
    """``"4M"``, ``"800k"`` or ``"4000000"`` -> bits per second; None stays None."""
    if text is None:
        return None
    factor = {"k": 1000, "m": 1_000_000}.get(text[-1:].lower(), 1)
    try:
        return int(exact_number(text[:-1] if factor > 1 else text) * factor)
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"bitrate '{text}' is not a number; write for example 4M or 800k") from None
