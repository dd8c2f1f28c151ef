"""``rtstyle video``: films."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rtstyle.cli.shared import (
    DeviceOption,
    KeepColorsOption,
    OverwriteOption,
    PaintHeightOption,
    StrengthOption,
    StyleOption,
    Tier,
    TierOption,
    WeightsOption,
    open_stylizer,
)


def video(
    paths: Annotated[list[str], typer.Argument(metavar="IN OUT", help="A film, then the file to write.")],
    style: StyleOption = "wave",
    strength: StrengthOption = 1.0,
    keep_colors: KeepColorsOption = False,
    paint_height: PaintHeightOption = None,
    tier: TierOption = Tier.auto,
    size: Annotated[str | None, typer.Option(metavar="WxH", help="Size of the output; the input's by default.")] = None,
    scale: Annotated[float | None, typer.Option(help="Size of the output as a factor, for example 0.5.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Frames painted at once.")] = 1,
    device: DeviceOption = "auto",
    weights: WeightsOption = None,
    codec: Annotated[str | None, typer.Option(help="h264, hevc, av1, vp9, prores, ffv1; by default what suits the file.")] = None,
    crf: Annotated[int | None, typer.Option(help="Quality: lower is better and larger; 18 for h264 by default.")] = None,
    preset: Annotated[str | None, typer.Option(help="Effort of the encoder: ultrafast ... veryslow for h264 and hevc.")] = None,
    pixel_format: Annotated[str | None, typer.Option(help="For example yuv420p, yuv444p, yuv420p10le.")] = None,
    bitrate: Annotated[str | None, typer.Option(help="Instead of --crf, for example 4M.")] = None,
    hwaccel: Annotated[str | None, typer.Option(help="Encode on the hardware: nvenc, videotoolbox or qsv.")] = None,
    encoder_threads: Annotated[int, typer.Option(min=0, help="Threads of the encoder; 0 lets it choose.")] = 0,
    no_audio: Annotated[bool, typer.Option("--no-audio", help="Leave the sound out.")] = False,
    overwrite: OverwriteOption = False,
) -> None:
    """Paint a film: its sound, its subtitles and every frame's time are kept."""
    import threading

    from rtstyle.errors import UsageError
    from rtstyle.interrupt import interruptible
    from rtstyle.sinks.encoders import VideoOptions, parse_bitrate
    from rtstyle.video.film import FilmOptions, paint_film
    from rtstyle.video.progress import Bar

    if len(paths) != 2:
        raise UsageError("give a film and then the file to write")
    options = FilmOptions(
        write=VideoOptions(
            codec=codec,
            crf=crf,
            preset=preset,
            pixel_format=pixel_format,
            bitrate=parse_bitrate(bitrate) if bitrate else None,
            hwaccel=hwaccel,
            threads=encoder_threads,
        ),
        size=size,
        scale=scale,
        batch=batch,
        audio=not no_audio,
        overwrite=overwrite,
    )
    stylizer = open_stylizer(
        style, strength=strength, keep_colors=keep_colors, paint_height=paint_height, tier=tier, device=device, weights=weights
    )
    stop = threading.Event()
    with interruptible(stop), Bar() as bar:
        report = paint_film(paths[0], Path(paths[1]), stylizer, options, stop=stop, listener=bar)
    for notice in report.notices:
        typer.echo(f"note: {notice}", err=True)
    if report.damage:
        typer.echo(f"rtstyle: {paths[0]}: {report.damage}", err=True)
    typer.echo(report.summary)
    if report.interrupted:
        typer.echo(f"rtstyle: interrupted; {report.stats.frames} whole frames are in {report.output}", err=True)
        raise typer.Exit(130)
    if not report.complete:
        raise typer.Exit(1)
