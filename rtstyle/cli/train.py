"""``rtstyle train``: a new style from a painting."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from rtstyle.cli.shared import DeviceOption, OverwriteOption, WeightsOption
from rtstyle.errors import INTERRUPTED
from rtstyle.system.memory import keep_freed_memory


def train(
    painting: Annotated[Path, typer.Argument(help="The picture whose style is learned.")],
    content: Annotated[Path | None, typer.Option(help="Folder of photos to train on; remembered for the next time.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the style; the painting's file name by default.")] = None,
    out: Annotated[Path | None, typer.Option(help="Style file to write; NAME.safetensors by default.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Train a network of its own instead of a vector: slower, finer.")] = False,
    tier: Annotated[str, typer.Option(help="The bundled network to fit the style to: live or studio.")] = "live",
    recipe: Annotated[
        Path | None, typer.Option(help="A TOML recipe (train/recipes); its styles are replaced by PAINTING.")
    ] = None,
    net: Annotated[
        str | None,
        typer.Option(
            help="A network of this kind, as with --full: transformer, johnson (Johnson et al. 2016), aonet, vgg-decoder or "
            "texture (Ulyanov et al. 2016)."
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Optimisation steps.")] = None,
    epochs: Annotated[float | None, typer.Option(min=0.0, help="Instead of --steps: passes over the photos.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Photos a step.")] = None,
    image_size: Annotated[int | None, typer.Option(min=64, help="Side of the training crops in pixels.")] = None,
    optimizer: Annotated[
        str | None,
        typer.Option(
            help="adam, muon (with --full), or lbfgs: fits the vector to one batch of photos that stays (--batch-size 16)."
        ),
    ] = None,
    lr: Annotated[
        float | None, typer.Option(help="Learning rate (of the vector, or with --full of the network; muon's goes with it).")
    ] = None,
    style_weight: Annotated[float | None, typer.Option(min=0.0, help="More paint; content has the weight 1.")] = None,
    temporal_weight: Annotated[float | None, typer.Option(min=0.0, help="Steadier in video.")] = None,
    painting_size: Annotated[
        int | None, typer.Option(min=64, help="Short side of the painting: larger makes finer strokes.")
    ] = None,
    loss_network: Annotated[str | None, typer.Option(help="vgg19, vgg16 or resnet18.")] = None,
    content_layers: Annotated[str | None, typer.Option(help="For example relu4_1, or relu3_1,relu4_1:0.5 with weights.")] = None,
    style_layers: Annotated[str | None, typer.Option(help="For example relu1_1,relu2_1,relu3_1,relu4_1.")] = None,
    style_loss: Annotated[str | None, typer.Option(help="relative, frobenius (published) or feature.")] = None,
    gram: Annotated[str | None, typer.Option(help="Divide gram matrices by pixels or by elements (N*M).")] = None,
    tv: Annotated[float | None, typer.Option(min=0.0, help="Weight of the total variation: smoother.")] = None,
    teacher: Annotated[
        Path | None,
        typer.Option(
            help="Folder to learn from: photos/NAME.jpg, and STYLE/NAME.png as rtstyle optimize painted them; needs no --content."
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Makes a run repeatable.")] = None,
    run: Annotated[Path | None, typer.Option(help="Folder for checkpoints, sheets and curves; runs/NAME by default.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run folder's checkpoint.")] = False,
    sheet_every: Annotated[int, typer.Option(min=1, help="Steps between preview sheets.")] = 50,
    device: DeviceOption = "auto",
    loss_weights: Annotated[
        Path | None, typer.Option(help="File of the loss network; downloaded by torchvision by default.")
    ] = None,
    weights: WeightsOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Learn a new style from PAINTING and a folder of photos; the result is one small file for --style."""
    keep_freed_memory()
    from rtstyle.styles import check_style_path
    from rtstyle.training.command import TrainRequest, check_new, learn

    name = name or painting.stem.replace(",", "")
    full = full or net is not None
    target = out or Path(f"{name}.safetensors")
    run_folder = run or Path("runs") / name
    check_style_path(name, target)
    if not overwrite:
        check_new(target, run_folder, name, resume=resume)
    changes = {
        "steps": steps,
        "batch_size": batch_size,
        "image_size": image_size,
        "optimizer": optimizer,
        "learning_rate" if full else "vector_learning_rate": lr,
        "style_weight": style_weight,
        "temporal_weight": temporal_weight,
        "painting_size": painting_size,
        "loss_network": loss_network,
        "content_layers": content_layers,
        "style_layers": style_layers,
        "style_measure": style_loss,
        "gram_normalisation": gram,
        "total_variation_weight": tv,
        "seed": seed,
    }
    request = TrainRequest(
        painting=painting,
        content=content,
        name=name,
        out=target,
        full=full,
        tier=tier,
        recipe=recipe,
        net=net,
        epochs=epochs,
        changes={key: value for key, value in changes.items() if value is not None},
        teacher=teacher,
        run_folder=run_folder,
        resume=resume,
        sheet_every=sheet_every,
        device=device,
        loss_weights=loss_weights,
        weights=weights,
    )
    result = learn(request, on_sheet=lambda sheet: typer.echo(f"preview: {sheet}", err=True))
    typer.echo(f"{result.path}: style loss {result.style:.3f}, content loss {result.content:.3f}")
    typer.echo(f"try: rtstyle webcam --style {shlex.quote(str(result.path))}")
    if result.hint:
        typer.echo(f"hint: {result.hint}")
    if not result.finished:
        typer.echo("stopped early; the same command with --resume goes on")
        raise typer.Exit(INTERRUPTED)
