"""Draws the README's picture of a photo, its painting by the network and by the slow reference, into ``why_it_works.jpg``.

``python train/why_it_works.py paintings/wave.jpg``; a minute on two cores.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from rtstyle.devices import resolve_device
from rtstyle.errors import RTStyleError
from rtstyle.optimize import OptimizeConfig, optimize
from rtstyle.pixels import Pixels, resize, scaled_size
from rtstyle.sinks.images import write_still
from rtstyle.sources.images import read_still
from rtstyle.stylizer import Stylizer

HERE = Path(__file__).resolve().parent
SIDE = 256
GAP = 6


def draw(
    painting: Annotated[Path, typer.Argument(help="The painting of --style.")],
    style: Annotated[str, typer.Option(help="The bundled style that was learned from it.")] = "wave",
    photo: Annotated[Path, typer.Option(help="The photo.")] = HERE.parent / "demos" / "still.jpg",
    out: Annotated[Path, typer.Option(help="The picture to write.")] = HERE / "why_it_works.jpg",
    iterations: Annotated[int, typer.Option(help="Of the slow reference, from the photo.")] = 60,
    device: Annotated[str, typer.Option()] = "auto",
    loss_weights: Annotated[Path | None, typer.Option(help="VGG-19 file; downloaded by torchvision by default.")] = None,
) -> None:
    """Paint PHOTO twice and set the three side by side."""
    try:
        where = resolve_device(device)
        pixels = read_still(photo)[0]
        pixels = resize(pixels, scaled_size((pixels.shape[0], pixels.shape[1]), SIDE, multiple=8))
        config = OptimizeConfig(iterations=iterations, size=SIDE)
        loss_network = config.open_loss_network(where, loss_weights)
        fast = Stylizer.open(style, device=where).paint_one(pixels)
        slow = optimize(pixels, read_still(painting)[0], config, loss_network=loss_network, device=where)
        write_still(side_by_side(pixels, fast, slow.picture), out)
    except RTStyleError as error:
        typer.echo(f"why_it_works: {error}", err=True)
        sys.exit(error.exit_code)
    last = slow.history[-1].losses
    typer.echo(f"{out}: {iterations} iterations, content loss {last.content:.3f}, style loss {last.style:.3f}")


def side_by_side(*pictures: Pixels) -> Pixels:
    """Pictures of one size in a row, white between them."""
    gap = np.full((pictures[0].shape[0], GAP, 3), 255, dtype=np.uint8)
    parts = [part for picture in pictures for part in (picture, gap)]
    return np.concatenate(parts[:-1], axis=1)


if __name__ == "__main__":
    typer.run(draw)
