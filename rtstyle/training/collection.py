"""Rebuild a tier of ``weights/`` from a recipe, a folder of paintings and a folder of photos."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import torch

from rtstyle.errors import UsageError
from rtstyle.nets import build_network
from rtstyle.training.checkpoint import load_checkpoint
from rtstyle.training.curves import draw_curves
from rtstyle.training.data import held_out, list_pictures, training_photos
from rtstyle.training.export import export_tier
from rtstyle.training.loop import LOG, Trainer
from rtstyle.training.recipe import Recipe


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

    ``start`` is a checkpoint to take network and vectors from (a further stage of training, with a schedule of its own);
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
            state = load_checkpoint(start)
            network.load_state_dict(state["network"])
            vectors = state["vectors"]
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
