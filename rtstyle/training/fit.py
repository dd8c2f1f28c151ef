"""A new style from one painting: a vector for the bundled network, or with ``full`` a network of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rtstyle.errors import UsageError
from rtstyle.nets import StyleNetwork, build_network, network_config
from rtstyle.nets.transformer import NetConfig
from rtstyle.perceptual.losses import content_loss, gram_matrices, style_loss
from rtstyle.perceptual.network import LossNetwork
from rtstyle.pixels import Pixels, resize, scaled_size
from rtstyle.precision import autocast
from rtstyle.styles import StyleBank, StyleEntry
from rtstyle.training.data import as_batch, held_out, list_pictures, load_painting, load_pictures, training_photos
from rtstyle.training.export import export_style
from rtstyle.training.loop import Trainer, TrainingListener
from rtstyle.training.recipe import Recipe, StyleSource
from rtstyle.training.teacher import PHOTOS
from rtstyle.weightfiles import read_manifest, weights_folder

MEASURED_PHOTOS = 6
MEASURED_SIDE = 256
STARTING_PHOTOS = 2
"""Photos on which the bundled styles are tried as a start."""
WEAK_STYLE = 0.12
"""Relative style loss above which the painting is hardly recognised."""
STRONG_CONTENT = 0.95
"""Relative content loss above which the photo is hardly recognised."""

FIT_RECIPE = Recipe(
    steps=270,
    # Few large crops show more of a painting's broad shapes than many small ones, for as much work.
    batch_size=2,
    image_size=256,
    learning_rate=3e-3,
    vector_learning_rate=2e-2,
    warmup=10,
    # The network's steadiness is already learned and its strength path is fixed by the vector's form: only paint counts.
    temporal_weight=0.0,
    strength_share=0.0,
    lattice_weight=3000.0,  # as the bundled styles were trained: a vector can bring the grid back
)
FULL_RECIPE = Recipe(steps=2000)


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """A new style, ready to paint."""

    path: Path
    style: float
    """Relative style loss, on photos not trained on where the folder spares any."""
    content: float
    """Relative content loss on the same photos."""
    hint: str
    """What to change where the look is too weak or too strong; empty where it is neither."""
    finished: bool
    """False where the run was ended early; the style is as far as it got."""


def fit_style(
    painting: Path,
    out: Path,
    photos: Sequence[Path],
    *,
    name: str,
    recipe: Recipe | None = None,
    full: bool = False,
    tier: str = "live",
    weights: Path | None = None,
    run_folder: Path,
    device: torch.device,
    loss_weights: Path | None = None,
    teacher: Path | None = None,
    resume: bool = False,
    sheet_every: int = 50,
    listener: TrainingListener | None = None,
) -> FitResult:
    """Learn ``painting`` and write the style to ``out`` (.safetensors).

    By default the network of the bundled ``tier`` stays frozen and its style vector is fitted, starting from whichever
    bundled style, or their mean, is nearest to the painting. ``full`` trains all of the network, from the bundled one where
    the recipe's shape is the same.
    ``teacher``: see :class:`rtstyle.training.teacher.Lessons`.
    Raises :class:`UsageError` for pictures that cannot be used, :class:`TrainingError` where training diverges.
    """
    if out.suffix != ".safetensors":
        raise UsageError(f"a style file ends in .safetensors, not '{out.name}'")
    if not os.path.isdir(out.parent):
        raise UsageError(f"the folder {out.parent} does not exist")
    recipe = recipe or (full_recipe(tier, weights) if full else FIT_RECIPE)
    recipe = replace(recipe, tier=tier, styles=(StyleSource(name=name, image=str(painting)),))
    bank = _bundled(tier, weights, required=not full)
    if bank is not None and not full:
        if recipe.net not in (NetConfig(), bank.network.config):  # the first where the recipe names none
            raise UsageError("the recipe's [net] is another network than the bundled one, which stays as it is: add --full")
        recipe = replace(recipe, net=bank.network.config)
    network, starts = _starting_points(recipe, bank, full, loss_weights)
    kept = held_out(photos) or list(photos)
    trainer = Trainer(
        recipe,
        network=network,
        vectors=starts[:1],
        paintings=[painting],
        photos=training_photos(photos),
        preview_photos=kept,
        run_folder=run_folder,
        device=device,
        loss_weights=loss_weights,
        freeze_network=not full,
        teacher=teacher,
    )
    measured = load_pictures(kept, MEASURED_PHOTOS) or load_pictures(photos, MEASURED_PHOTOS)
    if not measured and teacher is not None:
        measured = load_pictures(list_pictures(teacher / PHOTOS), MEASURED_PHOTOS)
    if not measured:
        raise UsageError("none of the photos can be read; name another folder with --content")
    if resume:
        trainer.resume()
    elif len(starts) > 1 and measured:
        trainer.start_from(_nearest(network, starts, painting, measured[:STARTING_PHOTOS], recipe, trainer.loss_network, device))
    finished = trainer.run(sheet_every=sheet_every, listener=listener)
    vector = trainer.vectors[0].cpu()
    ((style, content),) = measure(trainer.network, vector[None], painting, measured, recipe, trainer.loss_network, device)
    about: dict[str, Any] = {"steps": trainer.step, "seed": recipe.seed, "painting_size": recipe.painting_size}
    entry = StyleEntry(name=name, title=name, metrics={"style": round(style, 4), "content": round(content, 4)})
    export_style(trainer.network, vector, entry, out, tier=tier, dedicated=full, about=about)
    return FitResult(path=out, style=style, content=content, hint=hint(style, content), finished=finished)


@torch.inference_mode()
def measure(
    network: StyleNetwork,
    vectors: torch.Tensor,
    painting: Path,
    photos: Sequence[Pixels],
    recipe: Recipe,
    loss_network: LossNetwork,
    device: torch.device,
) -> list[tuple[float, float]]:
    """Style and content loss of each of the vectors (S, D), means over ``photos``.

    Photos are uint8 (H, W, 3), at least one, and are scaled to a short side of 256 px.
    """
    network = network.to(device).eval()
    precision = next(loss_network.features.parameters()).dtype
    losses: list[list[tuple[float, float]]] = [[] for _ in vectors]
    with autocast(device, precision):
        grams = gram_matrices(loss_network(load_painting(painting, recipe.painting_size).to(device)), recipe.style_layers)
        for pixels in photos:
            size = scaled_size((pixels.shape[0], pixels.shape[1]), MEASURED_SIDE, network.multiple)
            photo = as_batch([resize(pixels, size)]).to(device)
            target = loss_network(photo)
            for vector, found in zip(vectors.to(device), losses, strict=True):
                features = loss_network(network(photo, vector))
                style = style_loss(features, grams, recipe.style_layers)
                found.append((float(style), float(content_loss(features, target, recipe.content_layers))))
    return [(float(np.mean([s for s, _ in found])), float(np.mean([c for _, c in found]))) for found in losses]


def full_recipe(tier: str, weights: Path | None = None) -> Recipe:
    """For a network of its own: of the bundled tier's shape, so that training can begin there, where there is such a tier."""
    table = read_manifest(weights or weights_folder())["tiers"].get(tier)
    return FULL_RECIPE if table is None else replace(FULL_RECIPE, net=network_config(table["net"]))


def _bundled(tier: str, weights: Path | None, *, required: bool) -> StyleBank | None:
    try:
        return StyleBank.load(tier=tier, folder=weights)
    except UsageError:
        if required:
            raise
        return None


def _starting_points(
    recipe: Recipe, bank: StyleBank | None, full: bool, loss_weights: Path | None
) -> tuple[StyleNetwork, torch.Tensor]:
    """The bundled network, its styles and their mean (S + 1, D); with ``full`` and another shape, a fresh network and one
    neutral style."""
    if bank is not None and (not full or bank.network.config == recipe.net):
        vectors = torch.stack(list(bank.vectors.values()))
        return bank.network, torch.cat((vectors.mean(0, keepdim=True), vectors))
    torch.manual_seed(recipe.seed)
    network = build_network(recipe.net)
    network.load_pretrained(recipe.loss_network, loss_weights)
    return network, network.neutral_style()[None]


def _nearest(
    network: StyleNetwork,
    vectors: torch.Tensor,
    painting: Path,
    photos: Sequence[Pixels],
    recipe: Recipe,
    loss_network: LossNetwork,
    device: torch.device,
) -> torch.Tensor:
    """Of the styles (S, D) the one (D,) that already paints most like ``painting``, as the recipe weighs its losses."""
    losses = measure(network, vectors, painting, photos, recipe, loss_network, device)
    return vectors[int(np.argmin([recipe.style_weight * style + recipe.content_weight * content for style, content in losses]))]


def hint(style: float, content: float) -> str:
    """What to change where the measured losses say that the look is too weak or too strong; empty where it is neither."""
    if style > WEAK_STYLE:
        return "the look is weak: train longer (--steps) or raise --style-weight"
    if content > STRONG_CONTENT:
        return "the look is strong, the picture is hard to recognise: lower --style-weight, or paint with --strength 0.8"
    return ""
