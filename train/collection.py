"""Rebuild ``weights/`` from paintings and photos: ``python train/collection.py train/recipes/live_*.toml --help``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rtstyle.devices import resolve_device
from rtstyle.errors import RTStyleError
from rtstyle.system.memory import keep_freed_memory
from rtstyle.training.collection import Stage, train_collection


def collection(
    recipes: Annotated[list[Path], typer.Argument(help="The tier's recipes, one a stage, in their order.")],
    paintings: Annotated[Path, typer.Option(help="Folder with the paintings that the recipe names.")],
    content: Annotated[Path, typer.Option(help="Folder of photos.")],
    out: Annotated[Path, typer.Option(help="Weights folder to write the tier to.")] = Path("weights"),
    runs: Annotated[Path, typer.Option(help="Folder for checkpoints and sheets, one folder a recipe.")] = Path("runs"),
    start: Annotated[Path | None, typer.Option(help="Checkpoint or weights folder to go on from, or to widen.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run was stopped.")] = False,
    only: Annotated[str | None, typer.Option(help="For comparison: a network for this style of the recipe alone.")] = None,
    without_motion: Annotated[bool, typer.Option("--without-motion", help="For comparison: do not teach steadiness.")] = False,
    steps: Annotated[int | None, typer.Option(min=1, help="Instead of the recipe's.")] = None,
    lr: Annotated[float | None, typer.Option(help="The network's learning rate, instead of the recipe's.")] = None,
    device: Annotated[str, typer.Option()] = "auto",
    loss_weights: Annotated[Path | None, typer.Option(help="VGG-19 file; downloaded by torchvision by default.")] = None,
) -> None:
    """Train every style of RECIPES in one network, stage by stage, and export the tier."""
    keep_freed_memory()
    try:
        finished = train_collection(
            [Stage(recipe, runs / recipe.stem) for recipe in recipes],
            paintings=paintings,
            photos=content,
            out=out,
            device=resolve_device(device),
            loss_weights=loss_weights,
            start=start,
            resume=resume,
            only=only,
            motion=not without_motion,
            steps=steps,
            learning_rate=lr,
        )
    except RTStyleError as error:
        typer.echo(f"collection: {error}", err=True)
        sys.exit(error.exit_code)
    if not finished:
        typer.echo("stopped early; the same command with --resume goes on")
        sys.exit(130)


if __name__ == "__main__":
    typer.run(collection)
