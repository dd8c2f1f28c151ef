"""Checkpoints: written whole or not at all, read without running anything they contain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from rtstyle.errors import TrainingError, UsageError
from rtstyle.system.whole import whole_file
from rtstyle.training.recipe import Recipe

CHECKPOINT = "checkpoint.pt"


def save_checkpoint(state: dict[str, Any], folder: Path) -> None:
    """Replace the folder's checkpoint; raises :class:`TrainingError` where it cannot be written, and keeps the old one."""
    try:
        with whole_file(folder / CHECKPOINT) as file:
            torch.save(state, file)
    except (OSError, RuntimeError) as error:
        raise TrainingError(f"no checkpoint could be written to {folder} ({error}); make room, then --resume") from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint file; raises :class:`UsageError` where there is none or it is damaged."""
    try:
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UsageError(f"nothing to resume: no checkpoint at {path}") from None
    except Exception as error:
        raise UsageError(f"{path} is not a readable checkpoint: {error}") from error
    return state


def recipe_of(state: Any, path: Path) -> Recipe:
    """The recipe that the checkpoint from ``path`` was made by; raises :class:`UsageError` where it is none of a training run."""
    if not isinstance(state, dict) or not isinstance(state.get("recipe"), dict):
        raise UsageError(f"{path} is not the checkpoint of a training run; name a {CHECKPOINT} that rtstyle wrote")
    return Recipe.from_table(state["recipe"], origin=str(path))
