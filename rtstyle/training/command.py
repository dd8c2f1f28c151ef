"""What ``rtstyle train`` does: gather the recipe, find the photos, fit, draw the curves."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rtstyle.devices import resolve_device
from rtstyle.errors import UsageError, WeightsError
from rtstyle.nets import network_config
from rtstyle.styles import load_style_file
from rtstyle.training.checkpoint import CHECKPOINT
from rtstyle.training.curves import draw_curves
from rtstyle.training.data import list_pictures, training_photos
from rtstyle.training.fit import FIT_RECIPE, FitResult, fit_style, full_recipe
from rtstyle.training.loop import Progress
from rtstyle.training.recipe import Recipe
from rtstyle.training.record import LOG
from rtstyle.training.remember import photo_folder, remember
from rtstyle.training.teacher import PHOTOS

MOST_STEPS = 100_000_000


@dataclass(frozen=True, kw_only=True)
class TrainRequest:
    """The command's options, as given; see ``rtstyle train --help``."""

    painting: Path
    content: Path | None
    name: str
    out: Path
    full: bool = False
    tier: str = "live"
    recipe: Path | None = None
    net: str | None = None
    epochs: float | None = None
    changes: dict[str, Any] = field(default_factory=dict[str, Any])
    """Recipe fields to replace."""
    teacher: Path | None = None
    run_folder: Path
    resume: bool = False
    sheet_every: int = 50
    device: str = "auto"
    loss_weights: Path | None = None
    weights: Path | None = None


def learn(request: TrainRequest, *, on_sheet: Callable[[Path], None]) -> FitResult:
    """Carry out a request; ``on_sheet`` hears of every preview sheet. Raises as :func:`fit_style` does."""
    recipe = build_recipe(request)
    device = resolve_device(request.device)
    photos = find_photos(request)
    if request.epochs is not None:
        if not math.isfinite(request.epochs) or "steps" in request.changes:
            raise UsageError(f"--epochs {request.epochs:g} must be a number and stand alone: give it or --steps")
        seen = training_photos(photos) if request.teacher is None else list_pictures(request.teacher / PHOTOS)
        count = request.epochs * len(seen) / recipe.batch_size
        if count > MOST_STEPS:
            raise UsageError(f"--epochs {request.epochs:g} of {len(seen)} photos are more than {MOST_STEPS:,} steps")
        recipe = replace(recipe, steps=max(1, math.ceil(count)))

    def listen(progress: Progress) -> None:
        if progress.sheet is not None:
            on_sheet(progress.sheet)

    result = fit_style(
        request.painting,
        request.out,
        photos,
        name=request.name,
        recipe=recipe,
        full=request.full,
        tier=request.tier,
        weights=request.weights,
        run_folder=request.run_folder,
        device=device,
        loss_weights=request.loss_weights,
        teacher=request.teacher,
        resume=request.resume,
        sheet_every=request.sheet_every,
        listener=listen,
    )
    draw_curves(request.run_folder / LOG, request.run_folder / "losses.png")
    return result


def check_new(path: Path, run_folder: Path, name: str, *, resume: bool) -> None:
    """Raise :class:`UsageError` where a style file or a run would be replaced; ``resume`` goes on with both.

    A file that is not the style ``name`` stays even then.
    """
    if os.path.exists(run_folder / CHECKPOINT) and not resume:
        raise UsageError(
            f"{run_folder} holds a run; --resume goes on with it, --overwrite begins anew, and --run names another folder"
        )
    if os.path.exists(path) and not (resume and _is_style(path, name)):
        raise UsageError(f"{path} exists; use --overwrite to replace it, or another --name or --out")


def _is_style(path: Path, name: str) -> bool:
    try:
        return load_style_file(path).entry.name == name
    except WeightsError:
        return False


def find_photos(request: TrainRequest) -> list[Path]:
    """All photos of the folder given, of the teacher's own, or of the folder remembered, which the one given becomes."""
    if request.content is None and request.teacher is not None:
        return list_pictures(request.teacher / PHOTOS)
    folder = photo_folder(request.content)
    photos = list_pictures(folder)
    remember(folder)
    return photos


def build_recipe(request: TrainRequest) -> Recipe:
    """The recipe file or the built-in one, with the request's changes; raises :class:`UsageError` for contradictions."""
    if request.net is not None and not request.full:
        raise UsageError("--net needs --full: a style vector fits only the network it is made for")
    if request.recipe is not None:
        recipe = Recipe.load(request.recipe)
    else:
        recipe = full_recipe(request.tier, request.weights) if request.full else FIT_RECIPE
    if request.net is not None:
        recipe = replace(recipe, net=network_config({"arch": request.net}))
    size = request.changes.get("image_size")
    changes = dict(request.changes)
    rate = changes.pop("learning_rate", None)
    if "loss_network" in changes:
        # Another network has other layers: where none are named, its usual ones.
        changes = {"content_layers": {}, "style_layers": {}, **changes}
    if size is not None and size > recipe.photo_scale[0]:
        changes["photo_scale"] = (size, max(recipe.photo_scale[1], 2 * size))
    if rate is not None:
        recipe = recipe.with_learning_rate(rate)
    recipe = replace(recipe, **changes)
    if recipe.optimizer == "lbfgs" and "vector_learning_rate" in changes:
        raise UsageError("L-BFGS finds the length of each step by itself: leave out --lr")
    return recipe
