"""The training loop: one for a whole collection, for one network of its own and for a vector in a frozen network."""

from __future__ import annotations

import contextlib
import csv
import logging
import math
import os
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from rtstyle.errors import TrainingError, UsageError
from rtstyle.interrupt import interruptible
from rtstyle.nets import StyleNetwork
from rtstyle.perceptual.losses import style_target
from rtstyle.perceptual.network import LossNetwork
from rtstyle.pixels import centre_square
from rtstyle.training.checkpoint import CHECKPOINT, load_checkpoint, save_checkpoint
from rtstyle.training.data import PhotoBatches, as_batch, load_painting, load_picture
from rtstyle.training.model import StyleTable, TrainingStep
from rtstyle.training.objective import Objective, StepLosses
from rtstyle.training.recipe import Recipe
from rtstyle.training.sheet import contact_sheet, save_picture
from rtstyle.training.teacher import Lesson, Lessons

logger = logging.getLogger(__name__)

LOG = "log.csv"
LOGGED = ("content", "style", "variation", "distance", "temporal", "features", "teacher")
SHOWN = ("content", "style", "temporal")
SHEET_PHOTOS = 4
SMOOTHING = 0.98
"""Factor of the running mean that the progress bar shows."""
LARGEST_GRADIENT = 10.0
PATIENCE = 10
"""Bad steps in a row after which training gives up."""


@dataclass(frozen=True)
class Progress:
    """What a listener (the page's live preview) is told; returning False from it ends the run early."""

    step: int
    steps: int
    losses: dict[str, float]
    sheet: Path | None


Listener = Callable[[Progress], bool | None]


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
        self.generator = torch.Generator().manual_seed(recipe.seed * 1000 + self.rank)
        self.precision = _autocast_dtype(device)
        layers = tuple(dict.fromkeys((*recipe.style_layers, *recipe.content_layers)))
        self.loss_network = LossNetwork(layers, weights=loss_weights, name=recipe.loss_network).to(device)
        if self.precision is not torch.float32:
            # Cast once, not at every step: the frozen network holds nearly all of a step's work.
            self.loss_network.features.to(self.precision)
        targets = self._painting_targets(paintings)
        objective = Objective(recipe, self.loss_network, targets, self.generator)
        network = network.to(device).to(memory_format=torch.channels_last).requires_grad_(not freeze_network)  # type: ignore[call-overload]
        self.step_module = TrainingStep(network, StyleTable(vectors.to(device)), objective)
        self.forward: nn.Module = self.step_module
        if self.world > 1:
            self.forward = DistributedDataParallel(self.step_module)
        groups = [{"params": list(self.step_module.table.parameters()), "lr": recipe.vector_learning_rate}]
        if not freeze_network:
            groups.append({"params": list(network.parameters()), "lr": recipe.learning_rate})
        self.optimizer = torch.optim.Adam(groups)
        self.base_rates = [group["lr"] for group in self.optimizer.param_groups]
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.precision is torch.float16)  # type: ignore[attr-defined]
        self.photos = self._photo_batches(photos, teacher)
        self.preview = [load_picture(path) for path in preview_photos[:SHEET_PHOTOS]]
        self.step = 0
        self.rate_scale = 1.0
        self.running: dict[str, float] = {}

    @property
    def network(self) -> StyleNetwork:
        """The network as trained so far."""
        return self.step_module.network

    @property
    def vectors(self) -> Tensor:
        """The style vectors as trained so far, (S, D)."""
        with torch.no_grad():
            return self.step_module.table()

    def _photo_batches(self, photos: Sequence[Path], teacher: Path | None) -> Iterable[Tensor | Lesson]:
        recipe = self.recipe
        if teacher is not None:
            seed = recipe.seed * 1000 + self.rank
            names = [style.name for style in recipe.styles]
            return Lessons(teacher, names, batch_size=recipe.batch_size, image_size=recipe.image_size, seed=seed)
        return PhotoBatches(
            photos,
            batch_size=recipe.batch_size,
            image_size=recipe.image_size,
            photo_scale=recipe.photo_scale,
            seed=recipe.seed,
            rank=self.rank,
            world=self.world,
        )

    def run(self, *, save_every: int = 200, sheet_every: int = 200, listener: Listener | None = None) -> bool:
        """Train up to ``recipe.steps``. Returns whether it got there (False: interrupted or told to stop)."""
        self.run_folder.mkdir(parents=True, exist_ok=True)
        steps = self.recipe.steps
        bar = tqdm(initial=self.step, total=steps, unit="step", disable=self.rank > 0, dynamic_ncols=True)
        bad = 0
        finished = True
        with bar, interruptible() as interrupted, self._log() as log:
            for batch in self.photos:
                if self.step >= steps:
                    break
                losses = self._train_step(batch, log)
                bad = 0 if losses else bad + 1
                if bad >= PATIENCE:
                    raise TrainingError(
                        f"the loss was not finite {PATIENCE} times in a row at step {self.step}; lower --lr or the style weight"
                    )
                self.step += 1
                bar.update()
                bar.set_postfix({name: f"{self.running[name]:.3f}" for name in SHOWN if name in self.running})
                sheet = self.write_sheet() if self.step % sheet_every == 0 or self.step == steps else None
                if self.step % save_every == 0 or self.step == steps:
                    self.save()
                stop = listener is not None and listener(Progress(self.step, steps, dict(self.running), sheet)) is False
                if stop or interrupted():
                    self.save()
                    finished = self.step >= steps
                    break
        return finished

    def _train_step(self, batch: Tensor | Lesson, log: Any) -> bool:
        """One step; returns False where it was skipped because the numbers were not finite."""
        recipe = self.recipe
        factor = self.rate_scale * learning_rate_factor(self.step, recipe.steps, recipe.warmup)
        for group, rate in zip(self.optimizer.param_groups, self.base_rates, strict=True):
            group["lr"] = rate * factor
        if isinstance(batch, Lesson):
            photos, chosen, taught = batch.photos, batch.chosen, batch.taught.to(self.device)
        else:
            photos, chosen, taught = batch, self._draw_styles(len(batch)), None
        photos = photos.to(self.device, memory_format=torch.channels_last)
        self.optimizer.zero_grad(set_to_none=True)
        with self._autocast():
            losses: StepLosses = self.forward(photos, chosen.to(self.device), taught)
        self.scaler.scale(losses.total).backward()
        self.scaler.unscale_(self.optimizer)
        trainable = [p for group in self.optimizer.param_groups for p in group["params"]]
        norm = nn.utils.clip_grad_norm_(trainable, LARGEST_GRADIENT)
        if not (torch.isfinite(losses.total) and torch.isfinite(norm)):
            if self.precision is not torch.float16:
                self.rate_scale /= 2
                logger.warning("step %d: the loss is not finite; step skipped, learning rate halved", self.step)
            self.scaler.update()
            return False
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self._record(losses, log)
        return True

    def _draw_styles(self, count: int) -> Tensor:
        """Indices (count,) of styles, each as often as its share says, and once in a batch where there are enough."""
        shares = torch.tensor([style.share for style in self.recipe.styles])
        return torch.multinomial(shares, count, replacement=count > int((shares > 0).sum()), generator=self.generator)

    def _record(self, losses: StepLosses, log: Any) -> None:
        row: dict[str, float] = {}
        for name, values in losses.parts.items():
            if len(values):
                row[name] = float(values.mean())
                old = self.running.get(name, row[name])
                # A short window at first, the full one later: an early mean would drag the start along.
                keep = min(SMOOTHING, self.step / (self.step + 5))
                self.running[name] = keep * old + (1 - keep) * row[name]
        if log is not None and row:
            log.writerow([self.step, *(f"{row[name]:.5f}" if name in row else "" for name in LOGGED)])

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        if self.rank:
            return
        state = {
            "recipe": self.recipe.to_table(),
            "network": self.network.state_dict(),
            "vectors": self.vectors,
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "rate_scale": self.rate_scale,
            "generator": self.generator.get_state(),
        }
        save_checkpoint(state, self.run_folder)

    def resume(self) -> None:
        """Go on from the checkpoint in the run folder; raises :class:`UsageError` where there is none that fits."""
        state = load_checkpoint(self.run_folder / CHECKPOINT)
        try:
            self.network.load_state_dict(state["network"])
            with torch.no_grad():
                self.step_module.table.weights.copy_(state["vectors"][:, :-1])
            self.optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError, KeyError) as error:
            raise UsageError(f"the checkpoint in {self.run_folder} is of another recipe: {error}") from error
        self.step, self.rate_scale = int(state["step"]), float(state["rate_scale"])
        if self.world == 1:
            self.generator.set_state(state["generator"])

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

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=self.precision, enabled=self.precision is not torch.float32)

    def _painting_targets(self, paintings: Sequence[Path]) -> dict[str, Tensor]:
        recipe = self.recipe
        layers = recipe.style_layers
        per_painting: list[dict[str, Tensor]] = []
        with torch.inference_mode(), self._autocast():
            for path in paintings:
                if recipe.style_measure == "feature":  # compared place by place: the painting in the crops' own size
                    picture = as_batch([centre_square(load_picture(path), recipe.image_size)])
                else:
                    picture = load_painting(path, recipe.painting_size)
                features = self.loss_network(picture.to(self.device))
                per_painting.append(
                    style_target(features, layers, measure=recipe.style_measure, normalisation=recipe.gram_normalisation)
                )
        return {layer: torch.cat([target[layer] for target in per_painting]).clone() for layer in layers}

    @contextlib.contextmanager
    def _log(self) -> Generator[Any]:
        if self.rank:
            yield None
            return
        path = self.run_folder / LOG
        fresh = not self.step or not path.exists()
        with path.open("w" if fresh else "a", newline="", buffering=1) as file:
            writer = csv.writer(file)
            if fresh:
                writer.writerow(["step", *LOGGED])
            yield writer


def learning_rate_factor(step: int, steps: int, warmup: int) -> float:
    """In [0, 1]: linear warm-up, then half a cosine down to a hundredth."""
    if step < warmup:
        return (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, steps - warmup))
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress))


def _autocast_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device computes in it, float16 on older GPUs, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "cpu":
        return torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else torch.float32
    return torch.float32
