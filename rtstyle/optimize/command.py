"""What ``rtstyle optimize`` does: read, optimise, show the way, write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from tqdm import tqdm

from rtstyle.errors import UsageError
from rtstyle.optimize.config import OptimizeConfig
from rtstyle.optimize.curves import draw_history
from rtstyle.optimize.descent import Optimised, Point, optimize
from rtstyle.pixels import Pixels
from rtstyle.sinks.images import check_new_still, write_still
from rtstyle.sources.images import read_still
from rtstyle.system.interrupt import interruptible


def paint_slowly(
    photo: Path,
    painting: Path,
    out: Path,
    config: OptimizeConfig,
    *,
    device: torch.device,
    loss_weights: Path | None = None,
    every: int = 0,
    curve: Path | None = None,
    overwrite: bool = False,
) -> Optimised:
    """Optimise a picture with a progress bar; Ctrl-C ends it early and keeps what there is.

    ``every`` so many iterations the picture is written as ``OUT_0100.png``; ``curve`` is a PNG of the losses.
    Raises :class:`UsageError` for unusable files and options before any work is done.
    """
    source, style = read_still(photo)[0], read_still(painting)[0]
    total = sum(budget for _, budget in config.plan((source.shape[0], source.shape[1])))
    steps = (
        {iteration: out.with_name(f"{out.stem}_{iteration:04d}.png") for iteration in range(0, total + 1, every)} if every else {}
    )
    _check(photo, painting, [out, *steps.values()], curve, overwrite)
    loss_network = config.open_loss_network(device, loss_weights)
    with tqdm(total=total, unit="it", dynamic_ncols=True) as bar, interruptible() as interrupted:

        def listen(point: Point, picture: Callable[[], Pixels]) -> bool:
            bar.update(point.iteration - bar.n)
            bar.set_postfix(content=f"{point.losses.content:.4g}", style=f"{point.losses.style:.4g}", side=point.size)
            if point.iteration in steps:
                write_still(picture(), steps[point.iteration])
            return not interrupted()

        result = optimize(source, style, config, loss_network=loss_network, device=device, listener=listen)
    write_still(result.picture, out)
    if curve is not None:
        draw_history(result.history, config, curve)
    return result


def _check(photo: Path, painting: Path, pictures: Sequence[Path], curve: Path | None, overwrite: bool) -> None:
    targets = [*pictures, curve] if curve is not None else [*pictures]
    for target in targets:
        check_new_still(target, (photo, painting), overwrite=overwrite)
    if curve is not None and curve.suffix.lower() != ".png":
        raise UsageError(f"the curve is written as PNG, not as '{curve.name}'")
    if curve is not None and curve.resolve() in {picture.resolve() for picture in pictures}:
        raise UsageError(f"a picture and the curve would both be written to {curve}")
