"""A new style from one painting: a vector for the bundled network, or with ``full`` a network of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from rtstyle.errors import UsageError
from rtstyle.nets import StyleNetwork, build_network
from rtstyle.perceptual.losses import content_loss, gram_matrices, style_loss
from rtstyle.perceptual.network import LossNetwork
from rtstyle.pixels import resize, scaled_size
from rtstyle.styles import StyleBank, StyleEntry, StyleMix
from rtstyle.training.data import as_batch, held_out, load_painting, load_picture, training_photos
from rtstyle.training.export import export_style
from rtstyle.training.loop import Listener, Trainer
from rtstyle.training.recipe import Recipe, StyleSource

MEASURED_PHOTOS = 6
MEASURED_SIDE = 256
WEAK_STYLE = 0.12
"""Relative style loss above which the painting is hardly recognised."""
STRONG_CONTENT = 0.95
"""Relative content loss above which the photo is hardly recognised."""

FIT_RECIPE = Recipe(
    steps=300,
    learning_rate=3e-3,
    vector_learning_rate=2e-2,
    warmup=10,
    # The network's steadiness is already learned and its strength path is fixed by the vector's form: only paint counts.
    temporal_weight=0.0,
    strength_share=0.0,
)
FULL_RECIPE = Recipe(steps=2000)


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """A new style, ready to paint."""

    path: Path
    style: float
    """Relative style loss on photos not trained on."""
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
    listener: Listener | None = None,
) -> FitResult:
    """Learn ``painting`` and write the style to ``out`` (.safetensors).

    By default the network of the bundled ``tier`` stays frozen and its style vector is fitted, starting from the mean of
    the bundled styles. ``full`` trains all of the network, from the bundled one where the recipe's shape is the same.
    ``teacher``: see :class:`rtstyle.training.teacher.Lessons`.
    Raises :class:`UsageError` for pictures that cannot be used, :class:`TrainingError` where training diverges.
    """
    if out.suffix != ".safetensors":
        raise UsageError(f"a style file ends in .safetensors, not '{out.name}'")
    if not out.parent.is_dir():
        raise UsageError(f"the folder {out.parent} does not exist")
    recipe = recipe or (FULL_RECIPE if full else FIT_RECIPE)
    recipe = replace(recipe, tier=tier, styles=(StyleSource(name=name, image=str(painting)),))
    bank = _bundled(tier, weights, required=not full)
    network, start = _starting_point(recipe, bank, full, loss_weights)
    kept = held_out(photos) or list(photos)
    trainer = Trainer(
        recipe,
        network=network,
        vectors=start[None],
        paintings=[painting],
        photos=training_photos(photos),
        preview_photos=kept,
        run_folder=run_folder,
        device=device,
        loss_weights=loss_weights,
        freeze_network=not full,
        teacher=teacher,
    )
    if resume:
        trainer.resume()
    finished = trainer.run(sheet_every=sheet_every, listener=listener)
    vector = trainer.vectors[0].cpu()
    style, content = measure(trainer.network, vector, painting, kept[:MEASURED_PHOTOS], recipe, trainer.loss_network, device)
    about: dict[str, Any] = {"steps": trainer.step, "seed": recipe.seed, "painting_size": recipe.painting_size}
    entry = StyleEntry(name=name, title=painting.stem, metrics={"style": round(style, 4), "content": round(content, 4)})
    export_style(trainer.network, vector, entry, out, tier=tier, dedicated=full, about=about)
    return FitResult(path=out, style=style, content=content, hint=_hint(style, content), finished=finished)


@torch.inference_mode()
def measure(
    network: StyleNetwork,
    vector: torch.Tensor,
    painting: Path,
    photos: Sequence[Path],
    recipe: Recipe,
    loss_network: LossNetwork,
    device: torch.device,
) -> tuple[float, float]:
    """Style and content loss of a vector (D,) on ``photos``, each scaled to a short side of 256 px."""
    network = network.to(device).eval()
    precision = next(loss_network.features.parameters()).dtype
    with torch.autocast(device.type, dtype=precision, enabled=precision is not torch.float32):
        grams = gram_matrices(loss_network(load_painting(painting, recipe.painting_size).to(device)), recipe.style_layers)
        losses: list[tuple[float, float]] = []
        for path in photos:
            pixels = load_picture(path)
            size = scaled_size((pixels.shape[0], pixels.shape[1]), MEASURED_SIDE, network.multiple)
            photo = as_batch([resize(pixels, size)]).to(device)
            target = loss_network(photo)
            features = loss_network(network(photo, vector.to(device)))
            style = style_loss(features, grams, recipe.style_layers)
            losses.append((float(style), float(content_loss(features, target, recipe.content_layers))))
    return sum(s for s, _ in losses) / len(losses), sum(c for _, c in losses) / len(losses)


def _bundled(tier: str, weights: Path | None, *, required: bool) -> StyleBank | None:
    try:
        return StyleBank.load(tier=tier, folder=weights)
    except UsageError:
        if required:
            raise
        return None


def _starting_point(
    recipe: Recipe, bank: StyleBank | None, full: bool, loss_weights: Path | None
) -> tuple[StyleNetwork, torch.Tensor]:
    """The bundled network and the mean of its styles; with ``full`` and another shape, a fresh network."""
    if bank is not None and (not full or bank.network.config == recipe.net):
        names = bank.names
        mean = bank.vector(StyleMix(tuple((name, 1 / len(names)) for name in names)))
        return bank.network, mean
    torch.manual_seed(recipe.seed)
    network = build_network(recipe.net)
    network.load_pretrained(recipe.loss_network, loss_weights)
    return network, network.neutral_style()


def _hint(style: float, content: float) -> str:
    if style > WEAK_STYLE:
        return "the look is weak: train longer (--steps) or raise --style-weight"
    if content > STRONG_CONTENT:
        return "the look is strong, the picture is hard to recognise: lower --style-weight, or paint with --strength 0.8"
    return ""
