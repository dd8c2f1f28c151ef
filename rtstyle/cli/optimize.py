"""``rtstyle optimize``: the slow reference."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rtstyle.cli.shared import DeviceOption, OverwriteOption
from rtstyle.errors import INTERRUPTED
from rtstyle.system.memory import keep_freed_memory


def optimize(
    content: Annotated[Path, typer.Argument(metavar="CONTENT", help="The photo.")],
    style: Annotated[Path, typer.Argument(metavar="STYLE", help="The painting, a picture file.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The picture to write.")],
    size: Annotated[int | None, typer.Option(min=32, help="Short side of the result; the photo's own by default.")] = None,
    iterations: Annotated[int, typer.Option(min=1, help="At the coarsest scale; each finer one takes half as many.")] = 300,
    optimizer: Annotated[str, typer.Option(help="lbfgs or adam.")] = "lbfgs",
    lr: Annotated[float | None, typer.Option(help="Learning rate; 1 for lbfgs, 0.02 for adam by default.")] = None,
    start: Annotated[str, typer.Option(help="Begin with the content, or with noise.")] = "content",
    scales: Annotated[int, typer.Option(min=0, help="Coarse to fine in so many sizes; 0: as many as the size asks for.")] = 0,
    painting_size: Annotated[int, typer.Option(min=32, help="Short side of the painting: larger makes finer strokes.")] = 512,
    alpha: Annotated[float, typer.Option(min=0.0, help="Weight of the content.")] = 1.0,
    beta: Annotated[float, typer.Option(min=0.0, help="Weight of the style.")] = 10.0,
    tv: Annotated[float, typer.Option(min=0.0, help="Weight of the total variation: smoother.")] = 0.1,
    loss_network: Annotated[str, typer.Option(help="vgg19, vgg16 or resnet18.")] = "vgg19",
    content_layers: Annotated[str, typer.Option(help="For example relu4_1, or relu3_1,relu4_1:0.5 with weights.")] = "",
    style_layers: Annotated[str, typer.Option(help="For example relu1_1,relu2_1,relu3_1,relu4_1.")] = "",
    style_loss: Annotated[str, typer.Option(help="relative, frobenius or feature.")] = "relative",
    gram: Annotated[str, typer.Option(help="Divide gram matrices by pixels or by elements (N*M).")] = "pixels",
    every: Annotated[int, typer.Option(min=0, help="Write a picture every so many iterations, as OUT_0100.png.")] = 0,
    curve: Annotated[Path | None, typer.Option(metavar="PNG", help="Draw the losses over the iterations here.")] = None,
    seed: Annotated[int, typer.Option(help="Of the noise; the same seed gives the same picture.")] = 1,
    device: DeviceOption = "auto",
    loss_weights: Annotated[Path | None, typer.Option(help="File of the loss network; downloaded by default.")] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Paint CONTENT in the style of STYLE by optimising the picture itself (Gatys et al. 2016): slow, for reference."""
    keep_freed_memory()
    from rtstyle.cli.shared import open_device
    from rtstyle.optimize import OptimizeConfig
    from rtstyle.optimize.command import paint_slowly
    from rtstyle.perceptual.losses import layer_weights

    config = OptimizeConfig(
        iterations=iterations,
        optimizer=optimizer,  # type: ignore[arg-type]
        learning_rate=lr,
        start=start,  # type: ignore[arg-type]
        size=size,
        scales=scales,
        painting_size=painting_size,
        loss_network=loss_network,
        content_layers=layer_weights(content_layers),
        style_layers=layer_weights(style_layers),
        style_measure=style_loss,  # type: ignore[arg-type]
        gram_normalisation=gram,  # type: ignore[arg-type]
        content_weight=alpha,
        style_weight=beta,
        total_variation_weight=tv,
        seed=seed,
    )
    result = paint_slowly(
        content,
        style,
        out,
        config,
        device=open_device(device),
        loss_weights=loss_weights,
        every=every,
        curve=curve,
        overwrite=overwrite,
    )
    last = result.history[-1]
    typer.echo(f"{content} -> {out} in {result.seconds:.1f} s")
    typer.echo(f"after {last.iteration} iterations: content loss {last.losses.content:.4g}, style loss {last.losses.style:.4g}")
    if last.iteration < last.iterations:
        typer.echo(f"stopped early, at {last.iteration} of {last.iterations} iterations")
        raise typer.Exit(INTERRUPTED)
