"""``rtstyle demo``: the browser page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rtstyle.cli.shared import DeviceOption, EngineName, EngineOption, Tier, TierOption, WeightsOption


def demo(
    host: Annotated[str, typer.Option(help="Address to serve on; 0.0.0.0 opens the page to the network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 7860,
    auth: Annotated[str | None, typer.Option(metavar="USER:PASSWORD", help="Ask every visitor for these.")] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in this machine's browser.")] = False,
    max_clip_seconds: Annotated[float, typer.Option(min=0.1, help="Longest clip that may be uploaded.")] = 60.0,
    max_upload_mb: Annotated[int, typer.Option(min=1, help="Largest clip that may be uploaded.")] = 100,
    photos: Annotated[Path | None, typer.Option(help="Folder of photos to fit new styles on; examples by default.")] = None,
    loss_weights: Annotated[
        Path | None, typer.Option(help="File of the loss network; downloaded by torchvision by default.")
    ] = None,
    tier: TierOption = Tier.auto,
    device: DeviceOption = "auto",
    engine: EngineOption = EngineName.auto,
    weights: WeightsOption = None,
) -> None:
    """Serve a page in the browser: photos, clips, the camera live, and new styles."""
    import webbrowser

    from rtstyle.webui.settings import MEGA, Limits, PageConfig, parse_auth

    limits = Limits(clip_seconds=max_clip_seconds, clip_bytes=max_upload_mb * MEGA)
    config = PageConfig(
        host=host,
        port=port,
        auth=parse_auth(auth),
        tier=tier.value,
        device=device,
        engine=engine.value,
        weights=weights,
        photos=photos,
        loss_weights=loss_weights,
        limits=limits,
    )
    from rtstyle.webui.server import PageServer, serve

    def ready(server: PageServer) -> None:
        typer.echo(f"rtstyle is at {server.url} (Ctrl-C ends it)")
        if not config.is_local and config.auth is None:
            typer.echo("anyone who reaches this machine can use the page; --auth USER:PASSWORD asks for a password", err=True)
        if open_browser:
            webbrowser.open(server.url)

    serve(config, ready)
