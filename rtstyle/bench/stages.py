"""What each stage of a film takes by itself: decode, convert, upload, net, download, encode.

One stage after the other, and one thread each for decoder and encoder, whose own threads would work on while another
stage is timed. In a real run the stages overlap; :func:`rtstyle.bench.film.time_film` tells what comes of it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import av
import numpy as np
import torch
from torch import Tensor

from rtstyle.bench.timing import Spread
from rtstyle.engines import Engine, batch_for
from rtstyle.engines.stages import STAGES, stage_seconds
from rtstyle.frame import Frame, StreamInfo
from rtstyle.pixels import Size, resize
from rtstyle.sinks.encoders import VideoOptions, plan
from rtstyle.sinks.encoding import FilmEncoder
from rtstyle.sinks.video import VideoSink
from rtstyle.sources.colour import Converter
from rtstyle.sources.video import VideoSource

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.frame import VideoFrame

P = ParamSpec("P")
T = TypeVar("T")

FILM_STAGES = ("decode", "convert", *STAGES, "encode")
WRITE = VideoOptions(preset="veryfast", threads=1)
FRAMES = 72
WARM_UP_FRAMES = 24
"""Not counted: x264 looks ahead, and encodes nothing until it holds some frames."""
SECONDS = 20.0
"""No more batches are begun for a size after this time."""
LARGEST_BATCH = 16
"""The largest part of a batch that an engine paints at once."""
TIME_BASE = Fraction(1, 25)


@dataclass(frozen=True, kw_only=True)
class StageTimes:
    """One engine at one size."""

    size: str
    engine: str
    batch: int
    frames: int
    """Frames that were counted."""
    stages: dict[str, Spread]
    """By the names of :data:`FILM_STAGES`; ``convert`` is both ways between the codec's colours and RGB."""


def time_stages(film: Path, engines: Sequence[Engine], style: Tensor, sizes: Mapping[str, Size]) -> list[StageTimes]:
    """Bring the beginning of ``film`` to each of ``sizes`` and time every stage of it with every engine.

    Raises what :class:`VideoSource` raises for a film that cannot be read.
    """
    times: list[StageTimes] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, size in sizes.items():
            sized = Path(folder) / f"{name}.mp4"
            count = _resized(film, size, sized)
            for engine in engines:
                batch = min(LARGEST_BATCH, batch_for(engine, *size), count)
                seconds = _measure(sized, engine, style, batch, Path(folder) / "painted.mp4")
                stages = {stage: Spread.of(values[WARM_UP_FRAMES:] or values) for stage, values in seconds.items()}
                counted = max(0, len(seconds["net"]) - WARM_UP_FRAMES) or len(seconds["net"])
                times.append(StageTimes(size=name, engine=engine.name, batch=batch, frames=counted, stages=stages))
    return times


def stages_table(times: Sequence[StageTimes]) -> str:
    """For people: median and 95th percentile in milliseconds a frame."""
    lines = [f"{'size':<6} {'engine':<10} {'batch':>5}" + "".join(f"{stage:>16}" for stage in FILM_STAGES)]
    for it in times:
        figures = "".join(f"{it.stages[s].median_ms:>9.2f} /{it.stages[s].p95_ms:>5.1f}" for s in FILM_STAGES)
        lines.append(f"{it.size:<6} {it.engine:<10} {it.batch:>5}{figures}")
    return "\n".join(lines)


def _resized(film: Path, size: Size, path: Path) -> int:
    """Write the first frames of ``film`` at ``size``; how many there are."""
    with VideoSource(film) as source, VideoSink(path, VideoOptions(preset=WRITE.preset)) as sink:
        sink.open(source.info.with_size(size))
        for frame in islice(source, FRAMES):
            sink.write(frame.with_data(resize(frame.data, size)))
        return sink.frames


def _measure(film: Path, engine: Engine, style: Tensor, batch: int, output: Path) -> dict[str, list[float]]:
    """Seconds a frame by stage, one number a frame."""
    seconds: dict[str, list[float]] = {stage: [] for stage in FILM_STAGES}
    converter, frames, index = Converter(), _decoded(film), 0
    encoder: FilmEncoder | None = None
    begun = time.perf_counter()
    with av.open(output, "w") as container:
        while time.perf_counter() - begun < SECONDS or not index:
            decoded = [_timed(next, frames, None) for _ in range(batch)]
            coded = [frame for frame, _ in decoded if frame is not None]
            if len(coded) < batch:
                break
            rgb = [_timed(converter.to_rgb, frame) for frame in coded]
            pictures, stacking = _timed(np.stack, [picture for picture, _ in rgb])
            if not index:
                engine(torch.from_numpy(pictures), style)
            painted, spent = stage_seconds(engine, torch.from_numpy(pictures), style)
            for data, (_, decode), (_, there) in zip(painted.numpy(), decoded, rgb, strict=True):
                frame = Frame(data=data, pts=index, time_base=TIME_BASE, index=index)
                encoder = encoder or _encoder(container, frame)
                picture, back = _timed(encoder.picture, frame)
                _, encode = _timed(encoder.encode_picture, frame, picture)
                by_stage = {stage: spent[stage] / batch for stage in STAGES}
                by_stage |= {"decode": decode, "convert": there + stacking / batch + back, "encode": encode}
                for stage, value in by_stage.items():
                    seconds[stage].append(value)
                index += 1
        if encoder is not None:
            encoder.finish()
    return seconds


def _decoded(film: Path) -> Iterator[VideoFrame]:
    with av.open(film) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        stream.codec_context.thread_count = 1
        yield from container.decode(stream)


def _encoder(container: OutputContainer, first: Frame) -> FilmEncoder:
    info = StreamInfo(size=first.size, time_base=TIME_BASE, rate=1 / TIME_BASE)
    return FilmEncoder(container, plan(WRITE, "mp4", first.size), info, first, shift=Fraction(0))


def _timed(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> tuple[T, float]:
    begun = time.perf_counter()
    result = call(*args, **kwargs)
    return result, time.perf_counter() - begun
