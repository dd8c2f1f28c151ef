"""What tests of training share: pictures, loss networks and runs small enough for a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from rtstyle.nets import build_network
from rtstyle.perceptual.backbones import build_backbone
from rtstyle.training.loop import Trainer
from rtstyle.training.recipe import Recipe


def write_picture(path: Path, height: int = 96, width: int = 128, seed: int = 0) -> Path:
    """A smooth random picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(path)
    return path


def untrained_weights(folder: Path) -> dict[str, Path]:
    """Files as torchvision writes them, of untrained networks: what is tested here does not depend on what they saw."""
    torch.manual_seed(0)
    files: dict[str, Path] = {}
    for name, last in (("vgg19", 11), ("vgg16", 15), ("resnet18", 8)):
        state = build_backbone(name, last).state_dict()
        if name == "resnet18":
            state = {key.replace("_0.", ".0.").replace("_1.", ".1."): value for key, value in state.items()}
        else:
            state = {f"features.{key}": value for key, value in state.items()}
        files[name] = folder / f"{name}.pth"
        torch.save(state, files[name])
    return files


def recipe_for(tmp_path: Path, **changes: Any) -> tuple[Recipe, dict[str, Any]]:
    """A run small enough for a test, and what a Trainer needs beside it."""
    table: dict[str, Any] = {
        "net": {"arch": "transformer", "width": 4, "blocks": 1, "deep_blocks": 0},
        "styles": [{"name": "wave", "image": "wave.png"}],
        "steps": 2,
        "batch_size": 2,
        "image_size": 64,
        "photo_scale": [72, 80],
        "painting_size": 64,
        "content_layers": ["relu2_1"],
        "style_layers": ["relu1_1", "relu2_1"],
        "temporal_weight": 0.0,
        **changes,
    }
    painting = write_picture(tmp_path / "wave.png", seed=9)
    photos = [write_picture(tmp_path / "photos" / f"{i}.jpg", seed=i) for i in range(3)]
    given = {
        "paintings": [painting],
        "photos": photos,
        "preview_photos": [],
        "run_folder": tmp_path / "run",
        "device": torch.device("cpu"),
    }
    return Recipe.from_table(table), given


def train(recipe: Recipe, given: dict[str, Any], **more: Any) -> Trainer:
    torch.manual_seed(0)
    network = build_network(recipe.net)
    trainer = Trainer(recipe, network=network, vectors=network.neutral_style()[None], **given, **more)
    assert trainer.run()
    return trainer
