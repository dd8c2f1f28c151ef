"""Rebuild a tier of ``weights/`` from a recipe, a folder of paintings and a folder of photos."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from rtstyle.errors import UsageError
from rtstyle.nets import StyleNetwork, build_network
from rtstyle.nets.transformer import NetConfig, TransformerNet
from rtstyle.training.checkpoint import load_checkpoint
from rtstyle.training.curves import draw_curves
from rtstyle.training.data import held_out, list_pictures, training_photos
from rtstyle.training.export import export_tier
from rtstyle.training.loop import Trainer
from rtstyle.training.recipe import Recipe
from rtstyle.training.record import LOG
from rtstyle.training.widen import widen


def train_collection(
    recipe_file: Path,
    *,
    paintings: Path,
    photos: Path,
    out: Path,
    run_folder: Path,
    device: torch.device,
    loss_weights: Path | None = None,
    start: Path | None = None,
    resume: bool = False,
) -> bool:
    """Train all styles of a recipe and export them to the weights folder ``out``; returns whether the run finished.

    ``start`` is a checkpoint to take network and vectors from (a further stage of training, with a schedule of its own), or
    to widen where the recipe's network is twice as wide;
    ``resume`` goes on with the run's own checkpoint. Under ``torchrun`` training is data-parallel (gloo on CPUs, nccl on
    GPUs) and the batch size counts per process. Raises :class:`UsageError` for paintings or photos that are missing.
    """
    recipe = Recipe.load(recipe_file)
    if not recipe.styles:
        raise UsageError(f"{recipe_file} lists no styles ([[styles]])")
    pictures = list_pictures(photos)
    sources = [paintings / style.image for style in recipe.styles]
    with _process_group(device) as (rank, where):
        torch.manual_seed(recipe.seed)
        network = build_network(recipe.net)
        vectors = network.neutral_style().repeat(len(recipe.styles), 1)
        if start is not None:
            network, vectors = _start_from(start, recipe)
        else:
            network.load_pretrained(recipe.loss_network, loss_weights)
        kept = held_out(pictures) or pictures
        trainer = Trainer(
            recipe,
            network=network,
            vectors=vectors,
            paintings=sources,
            photos=training_photos(pictures),
            preview_photos=kept[:: max(1, len(kept) // 4)],
            run_folder=run_folder,
            device=where,
            loss_weights=loss_weights,
        )
        if resume:
            trainer.resume()
        finished = trainer.run()
        if rank == 0:
            out.mkdir(parents=True, exist_ok=True)
            export_tier(trainer.network, trainer.vectors, recipe, out, steps=trainer.step, recipe_file=recipe_file)
            draw_curves(run_folder / LOG, run_folder / "losses.png")
    return finished


def _start_from(checkpoint: Path, recipe: Recipe) -> tuple[StyleNetwork, Tensor]:
    state = load_checkpoint(checkpoint)
    before = Recipe.from_table(state["recipe"], origin=str(checkpoint))
    if [style.name for style in before.styles] != [style.name for style in recipe.styles]:
        raise UsageError(f"{checkpoint} holds other styles than the recipe; a further stage needs the same, in the same order")
    network = build_network(before.net)
    network.load_state_dict(state["network"])
    vectors: Tensor = state["vectors"]
    if recipe.net == before.net:
        return network, vectors
    if isinstance(network, TransformerNet) and isinstance(recipe.net, NetConfig):
        return widen(network, vectors, recipe.net)
    raise UsageError(f"{checkpoint} holds a network {before.net}, the recipe asks for {recipe.net}")


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
