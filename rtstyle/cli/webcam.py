"""``rtstyle webcam``: live."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rtstyle.cli.shared import (
    DeviceOption,
    EngineName,
    EngineOption,
    KeepColorsOption,
    NoiseOption,
    OverwriteOption,
    StabilizeOption,
    StrengthOption,
    Tier,
    TierOption,
    WeightsOption,
    open_stylizer,
)
from rtstyle.system.memory import keep_freed_memory

SourceOption = Annotated[
    str | None,
    typer.Option(help="Instead of a camera: a film, a picture, an address (rtsp://...), screen, lavfi:testsrc=..., v4l2:..."),
]


def webcam(
    style: Annotated[
        str,
        typer.Option("--style", "-s", help="Where to begin (wave), a playlist (wave,scream), or a mix (wave:0.7,scream:0.3)."),
    ] = "wave",
    camera: Annotated[str, typer.Option(help="A camera by index or by (a part of) its name.")] = "0",
    source: SourceOption = None,
    list_cameras: Annotated[bool, typer.Option("--list-cameras", help="List the cameras and end.")] = False,
    size: Annotated[str | None, typer.Option(metavar="WxH", help="Asked of the camera; films are brought to it.")] = None,
    rate: Annotated[str | None, typer.Option(help="Frames per second asked of the camera.")] = None,
    loop: Annotated[bool | None, typer.Option("--loop/--once", help="Repeat a film; by default where there is a window.")] = None,
    strength: StrengthOption = 1.0,
    keep_colors: KeepColorsOption = False,
    noise: NoiseOption = None,
    stabilize: StabilizeOption = False,
    mirror: Annotated[bool, typer.Option("--mirror", help="Begin mirrored.")] = False,
    cycle: Annotated[str | None, typer.Option(help="The next style comes by itself, for example every 10s.")] = None,
    fps_target: Annotated[float, typer.Option(min=1, max=240, help="Paint smaller rather than fall below this rate.")] = 30.0,
    height: Annotated[int | None, typer.Option(min=16, help="Paint at this height always.")] = None,
    fullscreen: Annotated[bool, typer.Option("--fullscreen", help="Begin with the full screen.")] = False,
    window: Annotated[bool, typer.Option("--window/--no-window", help="Show a window.")] = True,
    record: Annotated[Path | None, typer.Option(metavar="FILE", help="Record from the first frame on.")] = None,
    folder: Annotated[Path, typer.Option(help="For stills (s) and recordings (r).")] = Path(),
    stream: Annotated[str | None, typer.Option(metavar="URL", help="Also stream to rtmp://, rtsp://, srt://, udp://...")] = None,
    http: Annotated[int | None, typer.Option(metavar="PORT", min=0, max=65535, help="Also serve motion JPEG.")] = None,
    http_host: Annotated[str, typer.Option(help="Address of --http; 0.0.0.0 opens it to the network.")] = "127.0.0.1",
    virtual_camera: Annotated[bool, typer.Option("--virtual-camera", help="Also be a camera for other programs.")] = False,
    virtual_device: Annotated[str, typer.Option(help="Device of --virtual-camera, for example /dev/video10.")] = "auto",
    seconds: Annotated[float | None, typer.Option(min=0.1, help="End after this long.")] = None,
    tier: TierOption = Tier.live,
    device: DeviceOption = "auto",
    engine: EngineOption = EngineName.auto,
    weights: WeightsOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Paint the camera live, in a window and wherever else you like. Press ? in the window for the keys.

    Exit codes: 0 ended as it should (also by Ctrl-C), 1 the source or an output failed, 2 the request was wrong.
    """
    keep_freed_memory()
    from rtstyle.live.session import Outputs, summary
    from rtstyle.live.start import Wishes, list_cameras_text, start

    if list_cameras:
        typer.echo(list_cameras_text())
        return
    wishes = Wishes(
        style=style,
        camera=camera,
        source=source,
        size=size,
        rate=rate,
        loop=loop,
        strength=strength,
        keep_colors=keep_colors,
        stabilize=stabilize,
        mirror=mirror,
        cycle=cycle,
        fps_target=fps_target,
        height=height,
        fullscreen=fullscreen,
        seconds=seconds,
        outputs=Outputs(
            window=window,
            record=record,
            overwrite=overwrite,
            folder=folder,
            stream=stream,
            http=http,
            http_host=http_host,
            virtual_camera=virtual_device if virtual_camera else None,
        ),
    )
    report = start(
        wishes,
        lambda: open_stylizer(style, noise=noise, tier=tier, device=device, weights=weights, engine=engine, work="live"),
        announce=lambda text: typer.echo(text, err=True),
    )
    typer.echo(summary(report))
    if report.stats.failed_sinks:
        raise typer.Exit(1)
