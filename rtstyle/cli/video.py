"""``rtstyle video``: films."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtstyle.cli.shared import (
    DeviceOption,
    EngineName,
    EngineOption,
    KeepColorsOption,
    NoiseOption,
    OverwriteOption,
    PaintHeightOption,
    StabilizeOption,
    StrengthOption,
    StyleOption,
    Tier,
    TierOption,
    WeightsOption,
    open_stylizer,
)
from rtstyle.errors import INTERRUPTED, UsageError
from rtstyle.system.memory import keep_freed_memory

if TYPE_CHECKING:
    import threading

    from rtstyle.stylizer import Stylizer
    from rtstyle.video.film import FilmOptions


def video(
    paths: Annotated[list[str], typer.Argument(metavar="IN... OUT", help="Films (files, folders, addresses), then the output.")],
    style: StyleOption = "wave",
    strength: StrengthOption = 1.0,
    keep_colors: KeepColorsOption = False,
    paint_height: PaintHeightOption = None,
    noise: NoiseOption = None,
    stabilize: StabilizeOption = False,
    tier: TierOption = Tier.auto,
    size: Annotated[str | None, typer.Option(metavar="WxH", help="Size of the output; the input's by default.")] = None,
    scale: Annotated[float | None, typer.Option(help="Size of the output as a factor, for example 0.5.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Frames painted at once; as the engine likes it by default.")] = None,
    device: DeviceOption = "auto",
    engine: EngineOption = EngineName.auto,
    weights: WeightsOption = None,
    start: Annotated[str | None, typer.Option(metavar="TIME", help="Begin here: seconds, or 1:02:03.5.")] = None,
    end: Annotated[str | None, typer.Option(metavar="TIME", help="End before this moment.")] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Write before | after side by side.")] = False,
    preview: Annotated[int | None, typer.Option(min=1, max=99, help="Write only so many stills, into the folder OUT.")] = None,
    codec: Annotated[str | None, typer.Option(help="h264, hevc, av1, vp9, prores, ffv1; by default what suits the file.")] = None,
    crf: Annotated[int | None, typer.Option(help="Quality: lower is better and larger; 18 for h264 by default.")] = None,
    preset: Annotated[str | None, typer.Option(help="Effort of the encoder: ultrafast ... veryslow for h264 and hevc.")] = None,
    pixel_format: Annotated[str | None, typer.Option(help="For example yuv420p, yuv444p, yuv420p10le.")] = None,
    bitrate: Annotated[str | None, typer.Option(help="Instead of --crf, for example 4M.")] = None,
    hwaccel: Annotated[str | None, typer.Option(help="Encode on the hardware: nvenc, videotoolbox or qsv.")] = None,
    encoder_threads: Annotated[int, typer.Option(min=0, max=256, help="Threads of the encoder; 0 lets it choose.")] = 0,
    no_audio: Annotated[bool, typer.Option("--no-audio", help="Leave the sound out.")] = False,
    no_deinterlace: Annotated[bool, typer.Option("--no-deinterlace", help="Keep the combs of interlaced films.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first damage instead of skipping it.")] = False,
    max_pixels: Annotated[int | None, typer.Option(min=1, help="Refuse films with more pixels a picture.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds without data until an address counts as lost.")] = 15.0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with OUT.partial.EXT of an interrupted run.")] = False,
    overwrite: OverwriteOption = False,
) -> None:
    """Paint films: sound, subtitles and every frame's time are kept.

    OUT is a file (.mp4, .mkv, .mov, .webm, .gif, .ts), a folder or frames_%05d.png for pictures, an address to stream to
    (rtmp://, srt://, udp://, NAME.m3u8), or, for several films, the folder of their twins. Exit codes: 0 all painted, 1 something
    could not be, 2 the request was wrong, 130 interrupted (what was painted is in OUT.partial.EXT).
    """
    keep_freed_memory()
    from rtstyle.config import MAX_PIXELS, parse_time
    from rtstyle.sinks.encoders import VideoOptions, parse_bitrate
    from rtstyle.sources.reading import ReadOptions
    from rtstyle.video.film import FilmOptions, check_paths
    from rtstyle.video.preview import check_preview

    if len(paths) < 2:
        raise UsageError("give at least one film and then the file or folder to write to")
    options = FilmOptions(
        read=ReadOptions(
            start=parse_time(start),
            end=parse_time(end),
            deinterlace=not no_deinterlace,
            strict=strict,
            max_pixels=max_pixels or MAX_PIXELS,
            timeout=timeout,
        ),
        write=VideoOptions(
            codec=codec,
            crf=crf,
            preset=preset,
            pixel_format=pixel_format,
            bitrate=parse_bitrate(bitrate),
            hwaccel=hwaccel,
            threads=encoder_threads,
        ),
        size=size,
        scale=scale,
        batch=batch,
        audio=not no_audio,
        overwrite=overwrite,
        compare=compare,
        stabilize=stabilize,
        resume=resume,
    )
    check_paths(paths[:-1], paths[-1], options, preview=preview is not None)
    if preview is not None:
        check_preview(paths[:-1], Path(paths[-1]), preview, overwrite=overwrite)
    stylizer = open_stylizer(
        style,
        strength=strength,
        keep_colors=keep_colors,
        paint_height=paint_height,
        noise=noise,
        tier=tier,
        device=device,
        weights=weights,
        engine=engine,
        work="film",
    )
    _paint(paths[:-1], paths[-1], stylizer, options, preview)


def _paint(sources: list[str], output: str, stylizer: Stylizer, options: FilmOptions, preview: int | None) -> None:
    import threading

    from rtstyle.system.interrupt import interruptible
    from rtstyle.video.many import is_many
    from rtstyle.video.preview import paint_preview

    stop = threading.Event()
    with interruptible(stop):
        if preview is not None:
            for source in sources:
                for still in paint_preview(source, Path(output), preview, stylizer, options, stop=stop):
                    typer.echo(str(still))
            if stop.is_set():
                raise typer.Exit(INTERRUPTED)
        elif is_many(sources):
            _many(sources, Path(output), stylizer, options, stop)
        else:
            _one(sources[0], output, stylizer, options, stop)


def _one(source: str, output: str, stylizer: Stylizer, options: FilmOptions, stop: threading.Event) -> None:
    from rtstyle.video.film import paint_film
    from rtstyle.video.progress import Bar

    with Bar() as bar:
        report = paint_film(source, output, stylizer, options, stop=stop, listener=bar)
    for notice in report.notices:
        typer.echo(f"note: {notice}", err=True)
    if report.damage:
        typer.echo(f"rtstyle: {source}: {report.damage}", err=True)
    if report.interrupted and not report.frames:
        typer.echo("rtstyle: interrupted before the first frame was written", err=True)
        raise typer.Exit(INTERRUPTED)
    typer.echo(report.summary)
    if report.interrupted:
        typer.echo(f"rtstyle: interrupted; {report.frames} whole frames are in {report.output}", err=True)
        raise typer.Exit(INTERRUPTED)
    if not report.complete:
        raise typer.Exit(1)


def _many(sources: list[str], folder: Path, stylizer: Stylizer, options: FilmOptions, stop: threading.Event) -> None:
    from rtstyle.video.many import find_films, paint_films
    from rtstyle.video.progress import Bar

    with Bar() as bar:
        outcomes = list(paint_films(find_films(sources), folder, stylizer, options, stop=stop, bar=bar))
    width = max((len(Path(it.source).name) for it in outcomes), default=0)
    for it in outcomes:
        typer.echo(f"{Path(it.source).name:<{width}}  {it.state:<13}  {it.detail}")
    if stop.is_set():
        raise typer.Exit(INTERRUPTED)
    if not all(it.good for it in outcomes):
        raise typer.Exit(1)
