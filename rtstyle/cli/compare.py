"""``rtstyle compare``: the methods side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rtstyle.cli.shared import DeviceOption, OverwriteOption, WeightsOption
from rtstyle.system.memory import keep_freed_memory


def compare(
    content: Annotated[
        list[Path], typer.Argument(metavar="CONTENT...", help="Photos that no network was trained on, or the folder trained on.")
    ],
    paintings: Annotated[Path, typer.Option(help="Folder with the paintings, named like the styles.")],
    styles: Annotated[str, typer.Option("--style", "--styles", "-s", help="Styles, as in wave,scream.")] = "wave",
    methods: Annotated[
        str,
        typer.Option(
            help="optimize, live, studio; johnson, aonet, vgg-decoder, texture (from --networks); NAME=FILE.safetensors."
        ),
    ] = "optimize,live",
    networks: Annotated[
        Path, typer.Option(help="Folder of the other networks' style files, as johnson_wave.safetensors.")
    ] = Path("runs"),
    out: Annotated[Path, typer.Option(help="Folder for report.html and the pictures.")] = Path("comparison"),
    photos: Annotated[int, typer.Option(min=1, max=30, help="Of a folder: how many of the photos never trained on.")] = 20,
    size: Annotated[list[int] | None, typer.Option(help="Short side of the photos; may be given more than once.")] = None,
    iterations: Annotated[int, typer.Option(min=1, help="Of the slow reference.")] = 300,
    optimizer: Annotated[str, typer.Option(help="Of the slow reference: lbfgs or adam.")] = "lbfgs",
    start: Annotated[str, typer.Option(help="Where the slow reference begins: noise, as published, or content.")] = "noise",
    until_passed: Annotated[
        bool,
        typer.Option("--until-passed", help="End the slow reference where it is as good as all others."),
    ] = False,
    recipe: Annotated[
        Path | None, typer.Option(help="Training recipe whose losses are measured; the bundled network's own by default.")
    ] = None,
    log: Annotated[list[str] | None, typer.Option(metavar="NAME=CSV", help="A training log to draw; may be repeated.")] = None,
    noise: Annotated[float | None, typer.Option(min=0.0, help="Loudness of texture networks' noise; 1 as trained.")] = None,
    seed: Annotated[int, typer.Option(help="Of the noise that the slow reference may start from.")] = 1,
    device: DeviceOption = "auto",
    weights: WeightsOption = None,
    loss_weights: Annotated[Path | None, typer.Option(help="File of the loss network; downloaded by default.")] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Paint photos with several methods and write one HTML report: pictures, times, losses, curves, settings."""
    import shlex
    import sys

    keep_freed_memory()
    from rtstyle.cli.shared import open_device
    from rtstyle.compare.command import REPORT, CompareRequest
    from rtstyle.compare.command import compare as carry_out
    from rtstyle.compare.figures import equivalent_text
    from rtstyle.compare.logs import parse_logs
    from rtstyle.compare.methods import OPTIMIZE, parse_methods
    from rtstyle.optimize import OptimizeConfig

    request = CompareRequest(
        photos=content,
        limit=photos,
        styles=[style.strip() for style in styles.split(",") if style.strip()],
        methods=parse_methods(methods, networks),
        paintings=paintings,
        out=out,
        sizes=size or [256],
        config=OptimizeConfig(iterations=iterations, optimizer=optimizer, start=start, seed=seed),  # type: ignore[arg-type]
        until_passed=until_passed,
        recipe=recipe,
        logs=parse_logs(log or []),
        noise=noise,
        device=open_device(device),
        weights=weights,
        loss_weights=loss_weights,
        command=shlex.join(["rtstyle", *sys.argv[1:]]),
        overwrite=overwrite,
    )
    for comparison in carry_out(request):
        for method in comparison.results:
            seconds = comparison.mean(method, lambda result: result.seconds)
            total = comparison.mean(method, lambda result: result.losses.total)
            worth = equivalent_text(comparison, method)
            said = f"{comparison.style} {comparison.size} px  {method}: {1000 * seconds:.0f} ms, loss {total:.3f}"
            said += f" after {worth} iterations" if method == OPTIMIZE else f", worth {worth} iterations" if worth else ""
            typer.echo(said)
    typer.echo(f"{out / REPORT}")
