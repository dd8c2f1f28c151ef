"""Rebuild a tier of ``weights/`` from its recipes, a folder of paintings and a folder of photos."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from rtstyle.errors import UsageError
from rtstyle.nets import StyleNetwork, build_network
from rtstyle.nets.transformer import NetConfig, TransformerNet
from rtstyle.styles import StyleBank
from rtstyle.training.checkpoint import CHECKPOINT, load_checkpoint, recipe_of
from rtstyle.training.curves import draw_curves
from rtstyle.training.data import held_out, list_pictures, training_photos
from rtstyle.training.export import export_tier
from rtstyle.training.loop import Trainer
from rtstyle.training.recipe import Recipe
from rtstyle.training.record import LOG
from rtstyle.training.widen import widen
from rtstyle.weightfiles import read_manifest


@dataclass(frozen=True)
class Stage:
    """A recipe, and the folder of its checkpoint, sheets and log."""

    recipe_file: Path
    run_folder: Path


def train_collection(
    stages: Sequence[Stage],
    *,
    paintings: Path,
    photos: Path,
    out: Path,
    device: torch.device,
    loss_weights: Path | None = None,
    start: Path | None = None,
    resume: bool = False,
    only: str | None = None,
    motion: bool = True,
    steps: int | None = None,
    learning_rate: float | None = None,
) -> bool:
    """Train all styles of a tier, stage by stage, and export them to the weights folder ``out``; returns whether that finished.

    Each stage goes on with the network and the vectors of the one before, by a recipe and a schedule of its own. A run that was
    stopped leaves ``out`` as it is.

    ``start`` is a checkpoint, or a folder of weights, for the first stage to go on from, or to widen where the recipe's network
    is 2, 4, 8... times as wide; ``only``, ``motion``, ``steps`` and ``learning_rate`` are for comparisons, see :func:`varied`;
    ``resume`` goes on in the stage that was stopped, with its own checkpoint. Under ``torchrun`` training is data-parallel (gloo
    on CPUs, nccl on GPUs) and the batch size counts per process. Raises :class:`UsageError` for paintings or photos that are
    missing.
    """
    recipes = [_recipe(stage.recipe_file) for stage in stages]
    recipes = [varied(recipe, only=only, motion=motion, steps=steps, learning_rate=learning_rate) for recipe in recipes]
    pictures = list_pictures(photos)
    with _process_group(device) as (rank, where):
        for stage, recipe in zip(stages, recipes, strict=True):
            trainer = _trainer(recipe, stage.run_folder, start, paintings, pictures, where, loss_weights)
            first = stage is stages[0]
            if resume and (first or (stage.run_folder / CHECKPOINT).exists()):
                trainer.resume()
                # The stages after the one that was stopped have at best the checkpoints of an earlier run.
                resume = trainer.step >= recipe.last_step
            else:
                resume = False
            finished = trainer.run()
            if rank == 0:
                draw_curves(stage.run_folder / LOG, stage.run_folder / "losses.png")
            if not finished:
                return False
            if torch.distributed.is_initialized():
                torch.distributed.barrier()  # only the first process writes the checkpoint that all go on from
            start = stage.run_folder / CHECKPOINT
            if rank == 0 and stage is stages[-1]:
                export_tier(trainer.network, trainer.vectors, recipe, out, steps=trainer.step, recipe_file=stage.recipe_file)
    return True


def _recipe(file: Path) -> Recipe:
    recipe = Recipe.load(file)
    if not recipe.styles:
        raise UsageError(f"{file} lists no styles ([[styles]])")
    return recipe


def _trainer(
    recipe: Recipe,
    run_folder: Path,
    start: Path | None,
    paintings: Path,
    pictures: list[Path],
    device: torch.device,
    loss_weights: Path | None,
) -> Trainer:
    torch.manual_seed(recipe.seed)
    if start is not None:
        network, vectors = _start_from(start, recipe)
    else:
        network = build_network(recipe.net)
        vectors = network.neutral_style().repeat(len(recipe.styles), 1)
        network.load_pretrained(recipe.loss_network, loss_weights)
    kept = held_out(pictures) or pictures
    return Trainer(
        recipe,
        network=network,
        vectors=vectors,
        paintings=[paintings / style.image for style in recipe.styles],
        photos=training_photos(pictures),
        preview_photos=kept[:: max(1, len(kept) // 4)],
        run_folder=run_folder,
        device=device,
        loss_weights=loss_weights,
    )


def varied(
    recipe: Recipe, *, only: str | None = None, motion: bool = True, steps: int | None = None, learning_rate: float | None = None
) -> Recipe:
    """The recipe with one thing changed, to see what that thing does.

    ``only`` trains a network for one of its styles; without ``motion`` nothing teaches steadiness; ``steps`` and
    ``learning_rate`` (of the network) replace the recipe's. Raises :class:`UsageError` for a style that is not in the recipe.
    """
    if only is not None:
        styles = tuple(style for style in recipe.styles if style.name == only)
        if not styles:
            raise UsageError(f"no style '{only}' in the recipe; there are: {', '.join(style.name for style in recipe.styles)}")
        recipe = replace(recipe, styles=styles)
    if not motion:
        recipe = replace(recipe, temporal_weight=0.0, feature_temporal_weight=0.0)
    if learning_rate is not None:
        recipe = recipe.with_learning_rate(learning_rate)
    return recipe if steps is None else replace(recipe, steps=steps, stop_after=0)


def _start_from(start: Path, recipe: Recipe) -> tuple[StyleNetwork, Tensor]:
    """Network and vectors of a checkpoint, or of a folder of weights (the recipe's tier, else ``live``), for its styles."""
    if start.is_dir():
        tiers = read_manifest(start)["tiers"]
        bank = StyleBank.load(tier=recipe.tier if recipe.tier in tiers else "live", folder=start)
        network, known = bank.network, bank.vectors
    else:
        state = load_checkpoint(start)
        before = recipe_of(state, start)
        network = build_network(before.net)
        network.load_state_dict(state["network"])
        known = dict(zip((style.name for style in before.styles), state["vectors"], strict=True))
    missing = [style.name for style in recipe.styles if style.name not in known]
    if missing:
        raise UsageError(f"{start} lacks styles of the recipe ({', '.join(missing)}); a further stage needs them all")
    vectors = torch.stack([known[style.name] for style in recipe.styles])
    if recipe.net == network.config:
        return network, vectors
    if isinstance(network, TransformerNet) and isinstance(recipe.net, NetConfig):
        return widen(network, vectors, recipe.net)
    raise UsageError(f"{start} holds a network {network.config}, the recipe asks for {recipe.net}")


@contextmanager
def _process_group(device: torch.device) -> Generator[tuple[int, torch.device]]:
    """Rank and device of this process; joins torchrun's group where there is one."""
    if "WORLD_SIZE" not in os.environ:
        yield 0, device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield int(os.environ["RANK"]), device
    finally:
        torch.distributed.destroy_process_group()
