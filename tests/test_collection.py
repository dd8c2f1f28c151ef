"""A tier from its recipe, a further stage of it, and the runs that show what one part is worth."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from rtstyle.errors import TrainingError, UsageError
from rtstyle.nets import build_network
from rtstyle.styles import StyleBank
from rtstyle.training.checkpoint import CHECKPOINT, load_checkpoint
from rtstyle.training.collection import Stage, train_collection, varied
from rtstyle.training.export import export_tier
from rtstyle.training.loop import Trainer
from rtstyle.training.recipe import Recipe
from rtstyle.training.record import LOG

TINY = """
steps = 2
batch_size = 1
image_size = 64
photo_scale = [64, 96]
painting_size = 96
strength_share = 0
[net]
width = 2
blocks = 0
deep_blocks = 1
[[styles]]
name = "stripes"
image = "stripes.png"
[[styles]]
name = "same_again"
image = "stripes.png"
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def columns(log: Path, name: str) -> list[str]:
    rows = [line.split(",") for line in log.read_text().splitlines()]
    return [row[rows[0].index(name)] for row in rows[1:]]


def test_a_stage_goes_on_from_a_checkpoint_or_from_weights(
    tmp_path: Path, recipe: Path, painting: Path, photo_folder: Path, loss_weights: Path
) -> None:
    def train(name: str, **changes: object) -> StyleBank:
        assert train_collection(
            [Stage(recipe, tmp_path / name)],
            paintings=painting.parent,
            photos=photo_folder,
            out=tmp_path / name,
            device=torch.device("cpu"),
            loss_weights=loss_weights,
            **changes,  # type: ignore[arg-type]
        )
        return StyleBank.load(folder=tmp_path / name)

    first = train("first")
    assert first.names == ["stripes", "same_again"]
    assert any(columns(tmp_path / "first" / LOG, "temporal"))

    # A rate of next to nothing leaves what was there: network and vector come from where they should.
    alone = train("alone", start=tmp_path / "first", only="same_again", steps=1, learning_rate=1e-12)
    assert alone.names == ["same_again"]
    assert torch.allclose(alone.vectors["same_again"], first.vectors["same_again"], atol=0.02)
    for key, value in first.network.state_dict().items():
        assert torch.allclose(alone.network.state_dict()[key], value, atol=1e-3), key

    train("still", start=tmp_path / "first" / CHECKPOINT, motion=False, steps=1)
    assert not any(columns(tmp_path / "still" / LOG, "temporal"))
    assert load_checkpoint(tmp_path / "still" / CHECKPOINT)["step"] == 1

    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(UsageError, match=r"other\.pt is not the checkpoint of a training run"):
        train("foreign", start=tmp_path / "other.pt")
    with pytest.raises(UsageError, match="lacks styles of the recipe"):
        train("more", start=tmp_path / "alone")


def test_a_run_that_is_stopped_leaves_the_weights_as_they_are(
    tmp_path: Path, recipe: Path, painting: Path, photo_folder: Path, loss_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(steps: int) -> bool:
        return train_collection(
            [Stage(recipe, tmp_path / "run")],
            paintings=painting.parent,
            photos=photo_folder,
            out=tmp_path / "weights",
            device=torch.device("cpu"),
            loss_weights=loss_weights,
            steps=steps,
        )

    assert train(1)
    before = contents(tmp_path / "weights")
    run = Trainer.run
    monkeypatch.setattr(Trainer, "run", lambda self: run(self, listener=lambda progress: False))
    assert not train(2)
    assert contents(tmp_path / "weights") == before


def test_a_run_of_stages_goes_on_in_the_one_that_was_stopped(
    tmp_path: Path, recipe: Path, painting: Path, photo_folder: Path, loss_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = [Stage(tmp_path / f"{name}.toml", tmp_path / "runs" / name) for name in ("one", "two", "three")]
    stages[0].recipe_file.write_text("stop_after = 1\n" + TINY)
    stages[1].recipe_file.write_text('trains = "vectors"\n' + TINY)
    stages[2].recipe_file.write_text('trains = "vectors"\n' + TINY + "share = 0\n")

    def train(*, resume: bool) -> bool:
        return train_collection(
            stages,
            paintings=painting.parent,
            photos=photo_folder,
            out=tmp_path / "weights",
            device=torch.device("cpu"),
            loss_weights=loss_weights,
            resume=resume,
        )

    def states() -> list[dict[str, Any]]:
        return [load_checkpoint(stage.run_folder / CHECKPOINT) for stage in stages]

    run = Trainer.run
    taken: list[int] = []

    def stopped_in_the_second(trainer: Trainer) -> bool:
        stop = trainer.recipe.trains == "vectors"
        finished = run(trainer, listener=(lambda progress: False) if stop else None)
        taken.append(trainer.step)
        return finished

    monkeypatch.setattr(Trainer, "run", stopped_in_the_second)
    assert not train(resume=False)
    assert taken == [1, 1]
    assert not (tmp_path / "weights").exists()
    stages[2].run_folder.mkdir()
    (stages[2].run_folder / CHECKPOINT).write_bytes((stages[1].run_folder / CHECKPOINT).read_bytes())  # an earlier run's

    def counted(trainer: Trainer) -> bool:
        begun = trainer.step
        finished = run(trainer)
        taken.append(trainer.step - begun)
        return finished

    monkeypatch.setattr(Trainer, "run", counted)
    assert train(resume=True)
    assert taken == [1, 1, 0, 1, 2]
    first, second, third = states()
    for key, value in first["network"].items():
        assert torch.equal(value, third["network"][key]), key
    assert torch.equal(second["vectors"][1], third["vectors"][1]), "a style without a share stays"
    assert not torch.equal(second["vectors"][0], third["vectors"][0])
    assert torch.allclose(StyleBank.load(folder=tmp_path / "weights").vectors["stripes"], third["vectors"][0])


def test_an_export_that_fails_leaves_the_weights_as_they_are(tmp_path: Path, recipe: Path) -> None:
    torch.manual_seed(0)
    tier = Recipe.load(recipe)
    network = build_network(tier.net)
    vectors = network.neutral_style().repeat(2, 1)
    export_tier(network, vectors, tier, tmp_path / "weights", steps=1)
    before = contents(tmp_path / "weights")
    for parameter in network.parameters():
        parameter.data *= 1e9  # float16 cannot hold them
    with pytest.raises(TrainingError, match="paints otherwise"):
        export_tier(network, vectors, tier, tmp_path / "weights", steps=2)
    assert contents(tmp_path / "weights") == before


def test_a_style_that_left_the_collection_leaves_the_folder(tmp_path: Path, recipe: Path) -> None:
    tier = Recipe.load(recipe)
    network = build_network(tier.net)
    export_tier(network, network.neutral_style().repeat(2, 1), tier, tmp_path / "weights", steps=1)
    own = tmp_path / "weights" / tier.tier / "styles" / "own.safetensors"
    own.touch()
    export_tier(network, network.neutral_style()[None], varied(tier, only="stripes"), tmp_path / "weights", steps=1)
    assert sorted(path.stem for path in own.parent.iterdir()) == ["own", "stripes"]


def test_a_variation_changes_one_thing(recipe: Path) -> None:
    whole = Recipe.load(recipe)
    assert varied(whole) == whole
    assert varied(whole, only="stripes") == dataclasses.replace(whole, styles=whole.styles[:1])
    assert varied(whole, motion=False) == dataclasses.replace(whole, temporal_weight=0.0, feature_temporal_weight=0.0)
    assert varied(whole, steps=7, learning_rate=0.5) == dataclasses.replace(whole.with_learning_rate(0.5), steps=7)
    with pytest.raises(UsageError, match="learning_rate is 0"):
        varied(whole, learning_rate=0.0)
    with pytest.raises(UsageError, match="there are: stripes, same_again"):
        varied(whole, only="spots")
