"""The training loop: one for a whole collection, for one network of its own and for a vector in a frozen network."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from rtstyle.errors import TrainingError, UsageError
from rtstyle.nets import StyleNetwork
from rtstyle.perceptual.config import LossConfig
from rtstyle.perceptual.losses import style_target
from rtstyle.perceptual.network import LossNetwork
from rtstyle.pixels import centre_square
from rtstyle.precision import autocast, training_dtype
from rtstyle.system.interrupt import interruptible
from rtstyle.system.memory import reusing_memory
from rtstyle.training.checkpoint import CHECKPOINT, load_checkpoint, recipe_of, save_checkpoint
from rtstyle.training.data import PhotoBatches, as_batch, load_painting, load_picture, load_pictures
from rtstyle.training.groups import parameter_groups
from rtstyle.training.model import StyleTable, TrainingStep
from rtstyle.training.objective import Objective
from rtstyle.training.recipe import Recipe
from rtstyle.training.record import LOG, Record
from rtstyle.training.shares import draw_styles
from rtstyle.training.sheet import contact_sheet, save_picture
from rtstyle.training.steps import Steps, check_optimizer
from rtstyle.training.teacher import Lesson, Lessons
from rtstyle.training.workers import any_worker, worker_seed

SHOWN = ("content", "style", "temporal")
SHEET_PHOTOS = 4
PATIENCE = 10
"""Bad steps in a row after which training gives up."""


@dataclass(frozen=True)
class Progress:
    """What a listener (the page's live preview) is told; returning False from it ends the run early."""

    step: int
    steps: int
    losses: dict[str, float]
    sheet: Path | None


TrainingListener = Callable[[Progress], bool | None]


class Trainer:
    """Trains by ``recipe`` into ``run_folder``: a checkpoint, contact sheets and a log, all of them resumable.

    ``network`` and ``vectors`` (S, D) are where training starts; ``freeze_network`` fits the vectors alone.
    ``teacher`` is a folder of :class:`Lessons`, which then take the place of ``photos``.
    Raises :class:`TrainingError` where the numbers diverge for good or the disk is full, :class:`UsageError` for
    paintings and photos that cannot be used.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        network: StyleNetwork,
        vectors: Tensor,
        paintings: Sequence[Path],
        photos: Sequence[Path],
        preview_photos: Sequence[Path],
        run_folder: Path,
        device: torch.device,
        loss_weights: Path | None = None,
        freeze_network: bool = False,
        teacher: Path | None = None,
    ) -> None:
        self.recipe = recipe
        self.run_folder = run_folder
        self.device = device
        self.rank, self.world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        self.frozen = freeze_network
        self.shares = torch.tensor([style.share for style in recipe.styles])
        self.seed = worker_seed(recipe.seed, self.rank)
        self.generator = torch.Generator().manual_seed(self.seed)
        precision = training_dtype(device)
        check_optimizer(recipe, freeze_network=freeze_network, workers=self.world, precision=precision)
        self.loss_network = LossNetwork(recipe.layers, weights=loss_weights, name=recipe.loss_network).to(device)
        if precision is not torch.float32:
            # Cast once, not at every step: the frozen network holds nearly all of a step's work.
            self.loss_network.features.to(precision)
        targets = painting_targets(paintings, recipe, self.loss_network, device, precision)
        objective = Objective(recipe, self.loss_network, targets, self.generator)
        network = network.to(device).to(memory_format=torch.channels_last).requires_grad_(not freeze_network)  # type: ignore[call-overload]
        self.step_module = TrainingStep(network, StyleTable(vectors.to(device)), objective)
        groups, kernels = parameter_groups(recipe, network, self.step_module.table, freeze_network=freeze_network)
        forward: nn.Module = self.step_module
        if self.world > 1:
            forward = DistributedDataParallel(self.step_module)
        self.steps = Steps(recipe, forward, groups, device, precision, kernels=kernels)
        self.batches = self._batches(photos, teacher)
        self.photos: Iterable[Tensor | Lesson] = self.batches
        if recipe.optimizer == "lbfgs":
            self.photos = itertools.repeat(next(iter(self.batches)))
        self.preview = load_pictures(preview_photos, SHEET_PHOTOS)
        self.step = 0
        self.record = Record()

    @property
    def network(self) -> StyleNetwork:
        """The network as trained so far."""
        return self.step_module.network

    @property
    def vectors(self) -> Tensor:
        """The style vectors as trained so far, (S, D)."""
        with torch.no_grad():
            return self.step_module.table()

    def start_from(self, vectors: Tensor) -> None:
        """Go on from these style vectors, (S, D), or (D,) for all."""
        with torch.no_grad():
            self.step_module.table.weights.copy_(vectors[..., :-1])

    def _batches(self, photos: Sequence[Path], teacher: Path | None) -> PhotoBatches | Lessons:
        recipe = self.recipe
        if teacher is not None:
            names = [style.name for style in recipe.styles]
            return Lessons(teacher, names, batch_size=recipe.batch_size, image_size=recipe.image_size, seed=self.seed)
        return PhotoBatches(
            photos,
            batch_size=recipe.batch_size,
            image_size=recipe.image_size,
            photo_scale=recipe.photo_scale,
            seed=self.seed,
            rank=self.rank,
            world=self.world,
        )

    def run(self, *, save_every: int = 200, sheet_every: int = 200, listener: TrainingListener | None = None) -> bool:
        """Train up to ``recipe.last_step``. Returns whether it got there (False: interrupted or told to stop)."""
        try:
            self.run_folder.mkdir(parents=True, exist_ok=True)
            return self._run(save_every, sheet_every, listener)
        except OSError as error:
            raise TrainingError(f"cannot write to {self.run_folder} ({error}); make room or name another folder") from error

    def _run(self, save_every: int, sheet_every: int, listener: TrainingListener | None) -> bool:
        steps = self.recipe.last_step
        bar = tqdm(initial=self.step, total=steps, unit="step", disable=self.rank > 0, dynamic_ncols=True)
        bad = 0
        finished = True
        self.network.train(not self.frozen)
        with bar, interruptible() as interrupted, self._log():
            for batch in self.photos:
                if self.step >= steps:
                    break
                with reusing_memory():
                    bad = 0 if self._train_step(batch) else bad + 1
                if bad >= PATIENCE:
                    raise TrainingError(
                        f"the loss was not finite, or far too large, {PATIENCE} times in a row at step {self.step}; "
                        "lower --lr or the style weight"
                    )
                self.step += 1
                bar.update()
                running = self.record.running
                bar.set_postfix({name: f"{running[name]:.4g}" for name in SHOWN if name in running})
                sheet = self.write_sheet() if self.step % sheet_every == 0 or self.step == steps else None
                if self.step % save_every == 0 or self.step == steps:
                    self.save()
                stop = listener is not None and listener(Progress(self.step, steps, dict(running), sheet)) is False
                if any_worker(stop or interrupted(), self.device):
                    self.save()
                    finished = self.step >= steps
                    break
        return finished

    def _train_step(self, batch: Tensor | Lesson) -> bool:
        """One step; returns False where it was skipped because the numbers were not finite."""
        if isinstance(batch, Lesson):
            photos, chosen, taught = batch.photos, batch.chosen, batch.taught.to(self.device)
        else:
            photos, chosen, taught = batch, draw_styles(self.shares, len(batch), self.generator), None
        photos = photos.to(self.device, memory_format=torch.channels_last)
        if not self.frozen:
            self.network.begin_step(self.step)
        losses = self.steps.take(self.step, photos, chosen.to(self.device), taught)
        if losses is not None:
            self.record.add(self.step, losses)
        return losses is not None

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        if self.rank:
            return
        state = {
            "recipe": self.recipe.to_table(),
            "network": self.network.state_dict(),
            "vectors": self.vectors,
            "steps": self.steps.state_dict(),
            "step": self.step,
            "position": self.batches.position,
            "generator": self.generator.get_state(),
        }
        save_checkpoint(state, self.run_folder)

    def resume(self) -> None:
        """Go on from the checkpoint in the run folder; raises :class:`UsageError` where there is none that fits."""
        state = load_checkpoint(self.run_folder / CHECKPOINT)
        try:
            before = recipe_of(state, self.run_folder / CHECKPOINT)
            self._check_alike(before)
            if self.frozen and not _same_tensors(self.network.state_dict(), state["network"]):
                known = f"the checkpoint in {self.run_folder} is for a network that is no longer the bundled one"
                raise UsageError(f"{known}; fit anew, without --resume (or add --full, where the run was begun with it)")
            self.network.load_state_dict(state["network"])
            self.start_from(state["vectors"])
            self.steps.load_state_dict(state["steps"])
            if _losses_of(before) != _losses_of(self.recipe):
                self.steps.usual = None  # how large a loss is by now says nothing of other losses
            self.step, self.batches.position = int(state["step"]), int(state["position"])
        except (RuntimeError, ValueError, KeyError) as error:
            raise UsageError(f"the checkpoint in {self.run_folder} is of another recipe: {error}") from error
        if self.world == 1:
            self.generator.set_state(state["generator"])
        else:  # the checkpoint holds the first worker's: each goes on with chances of its own
            self.generator.manual_seed(self.seed * 1_000_003 + self.step)

    def _check_alike(self, before: Recipe) -> None:
        """Raise :class:`UsageError` where a run by ``before`` is not this one."""
        known, wanted = (", ".join(style.name for style in recipe.styles) for recipe in (before, self.recipe))
        if known != wanted:
            raise UsageError(f"the checkpoint in {self.run_folder} is of another recipe: for {known}, not for {wanted}")
        if before.net != self.recipe.net:
            raise UsageError(f"the checkpoint in {self.run_folder} is of another recipe: {before.net}, not {self.recipe.net}")
        if before.optimizer != self.recipe.optimizer:
            raise UsageError(
                f"the run in {self.run_folder} was begun with {before.optimizer}: go on with that, or begin anew without --resume"
            )
        known, wanted = (", ".join(Path(style.image).name for style in recipe.styles) for recipe in (before, self.recipe))
        if known != wanted:
            raise UsageError(
                f"the run in {self.run_folder} is for {known}, not for {wanted}; give the new one a --name of its own"
            )

    def write_sheet(self) -> Path | None:
        """Paint the preview photos in every style: one row a photo, the photo itself first."""
        if self.rank or not self.preview:
            return None
        rows = []
        with torch.inference_mode():
            for photo in self.preview:
                crop = centre_square(photo, self.recipe.image_size)
                batch = as_batch([crop]).to(self.device).expand(len(self.vectors), -1, -1, -1)
                rows.append((crop, self.network(batch, self.vectors)))
        path = self.run_folder / f"sheet_{self.step:06d}.jpg"
        save_picture(contact_sheet(rows), path)
        return path

    def _log(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if self.rank else self.record.log(self.run_folder / LOG, begin=self.step)


def _losses_of(recipe: Recipe) -> dict[str, object]:
    """The fields that decide how large the loss is."""
    table = recipe.to_table()
    names = {field.name for field in fields(LossConfig)} | {name for name in table if name.endswith("_weight")}
    return {name: table[name] for name in names}


def _same_tensors(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> bool:
    return ours.keys() == theirs.keys() and all(torch.equal(value.cpu(), theirs[name]) for name, value in ours.items())


def painting_targets(
    paintings: Sequence[Path], recipe: Recipe, loss_network: LossNetwork, device: torch.device, precision: torch.dtype
) -> dict[str, Tensor]:
    """Per style layer, what ``style_target`` makes of each painting, (S, ...)."""
    layers = recipe.style_layers
    per_painting: list[dict[str, Tensor]] = []
    with torch.inference_mode(), autocast(device, precision):
        for path in paintings:
            if recipe.style_measure == "feature":  # compared place by place: the painting in the crops' own size
                picture = as_batch([centre_square(load_picture(path), recipe.image_size)])
            else:
                picture = load_painting(path, recipe.painting_size)
            features = loss_network(picture.to(device))
            per_painting.append(
                style_target(features, layers, measure=recipe.style_measure, normalisation=recipe.gram_normalisation)
            )
    return {layer: torch.cat([target[layer] for target in per_painting]).clone() for layer in layers}
