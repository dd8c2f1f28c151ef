"""``rtstyle train``: what its options make of a recipe, which photos it takes, and what it refuses."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from training_parts import write_picture
from typer.testing import CliRunner

from rtstyle.cli.app import app
from rtstyle.errors import UsageError
from rtstyle.styles import StyleBank, StyleEntry, StyleMix
from rtstyle.training.checkpoint import CHECKPOINT
from rtstyle.training.command import TrainRequest, build_recipe, check_new, learn
from rtstyle.training.curves import draw_curves
from rtstyle.training.export import export_style
from rtstyle.training.recipe import Recipe
from rtstyle.training.remember import photo_folder, remember


def test_a_rate_goes_to_what_it_is_for(tmp_path: Path) -> None:
    given: dict[str, Any] = {"painting": tmp_path, "content": None, "name": "x", "out": tmp_path, "run_folder": tmp_path}
    by_muon = {"optimizer": "muon", "learning_rate": 6e-3}
    recipe = build_recipe(TrainRequest(**given, full=True, changes=by_muon))
    assert recipe.learning_rate == 6e-3
    assert recipe.kernel_learning_rate == pytest.approx(2 * Recipe().kernel_learning_rate)
    assert build_recipe(TrainRequest(**given, changes={"vector_learning_rate": 0.5})).vector_learning_rate == 0.5
    with pytest.raises(UsageError, match="leave out --lr"):
        build_recipe(TrainRequest(**given, changes={"optimizer": "lbfgs", "vector_learning_rate": 0.5}))


@pytest.mark.parametrize(("epochs", "changes"), [(math.inf, {}), (math.nan, {}), (2.0, {"steps": 5})])
def test_epochs_are_a_number_and_stand_alone(tmp_path: Path, epochs: float, changes: dict[str, Any]) -> None:
    photo = write_picture(tmp_path / "photos" / "a.jpg")
    request = TrainRequest(
        painting=photo, content=photo.parent, name="x", out=tmp_path / "x.safetensors", run_folder=tmp_path, epochs=epochs,
        changes=changes, device="cpu",
    )  # fmt: skip
    with pytest.raises(UsageError, match="--epochs"):
        learn(request, on_sheet=lambda sheet: None)


def test_curves_that_cannot_be_written_end_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = tmp_path / "log.csv"
    log.write_text("step,content,style\n0,1.0,2.0\n1,0.5,1.0\n")
    draw_curves(log, tmp_path / "gone" / "losses.png")
    assert "no loss curves" in caplog.text
    draw_curves(log, tmp_path / "losses.png")
    assert Image.open(tmp_path / "losses.png").format == "PNG"


def test_photos_that_cannot_be_read_are_refused_before_training(
    tmp_path: Path, untrained: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    painting = write_picture(tmp_path / "wave.png", seed=9)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"damaged")
    given = ["--content", str(tmp_path / "photos"), "--out", str(tmp_path / "out.safetensors"), "--run", str(tmp_path / "run")]
    options = ["--steps", "2", "--image-size", "64", "--painting-size", "64", "--loss-weights", str(untrained["vgg19"])]
    options += ["--content-layers", "relu2_1", "--style-layers", "relu1_1,relu2_1"]
    done = CliRunner().invoke(app, ["train", str(painting), *given, *options, "--device", "cpu"])
    assert isinstance(done.exception, UsageError)
    assert "none of the photos can be read" in str(done.exception)
    assert not (tmp_path / "out.safetensors").exists()


@pytest.mark.parametrize("epochs", ["1e308", "1e9"])
def test_epochs_have_an_end(tmp_path: Path, untrained: dict[str, Path], epochs: str) -> None:
    painting = write_picture(tmp_path / "wave.png", seed=9)
    for index in range(12):
        write_picture(tmp_path / "photos" / f"{index}.jpg", seed=index)
    given = ["--content", str(tmp_path / "photos"), "--out", str(tmp_path / "out.safetensors"), "--epochs", epochs]
    done = CliRunner().invoke(app, ["train", str(painting), *given, "--batch-size", "1", "--device", "cpu"])
    assert isinstance(done.exception, UsageError)
    assert "are more than 100,000,000 steps" in str(done.exception)


def test_the_command_takes_another_network_a_teacher_and_the_losses(
    tmp_path: Path, untrained: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Photos come from the teacher, an epoch is a pass over its three, and a network asked for is a whole one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    painting = write_picture(tmp_path / "wave.png", seed=9)
    for index in range(3):
        write_picture(tmp_path / "lessons" / "photos" / f"{index}.jpg", seed=index)
        write_picture(tmp_path / "lessons" / "wave" / f"{index}.png", seed=index + 10)
    out, run = tmp_path / "out.safetensors", tmp_path / "run"
    given = {
        "--net": "texture",
        "--teacher": tmp_path / "lessons",
        "--out": out,
        "--run": run,
        "--epochs": 2,
        "--batch-size": 1,
        "--image-size": 64,
        "--lr": 0.002,
        "--loss-network": "resnet18",
        "--loss-weights": untrained["resnet18"],
        "--content-layers": "block1_1",
        "--style-layers": "relu1,block1_1:0.5",
        "--style-loss": "frobenius",
        "--gram": "elements",
        "--tv": 0.2,
        "--temporal-weight": 0,
        "--painting-size": 64,
        "--device": "cpu",
    }
    done = CliRunner().invoke(app, ["train", str(painting), *(str(part) for pair in given.items() for part in pair)])
    assert done.exit_code == 0, done.output
    assert StyleBank.open(StyleMix.parse(str(out))).network.arch == "texture"
    state = torch.load(run / "checkpoint.pt", weights_only=True)
    assert state["step"] == 6
    assert state["recipe"]["style_layers"] == {"relu1": 1.0, "block1_1": 0.5}
    assert (state["recipe"]["learning_rate"], state["recipe"]["total_variation_weight"]) == (0.002, 0.2)
    assert "teacher" in (run / "log.csv").read_text().splitlines()[0]
    assert not (tmp_path / "cache").exists() or not list((tmp_path / "cache").rglob("photos.json"))


def test_an_epoch_is_a_pass_over_what_is_trained_on(
    tmp_path: Path, untrained: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for index in range(20):
        write_picture(tmp_path / "photos" / f"{index:02d}.jpg", seed=index)
    request = TrainRequest(
        painting=write_picture(tmp_path / "wave.png", seed=9),
        content=tmp_path / "photos",
        name="wave",
        out=tmp_path / "out.safetensors",
        full=True,
        epochs=0.5,
        changes={"batch_size": 3, "image_size": 64, "painting_size": 64, "temporal_weight": 0.0},
        run_folder=tmp_path / "run",
        device="cpu",
        loss_weights=untrained["vgg19"],
        recipe=tmp_path / "recipe.toml",
    )
    assert request.recipe is not None
    request.recipe.write_text('content_layers = ["relu1_1"]\nstyle_layers = ["relu1_1"]\nnet = {width = 4, blocks = 0}\n')
    learn(request, on_sheet=lambda sheet: None)
    # Two of the twenty are held out: nine photos in threes.
    assert torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["step"] == 3


@pytest.mark.parametrize("found", ["nothing of ours", "another style"])
def test_resuming_replaces_the_style_that_it_goes_on_with_and_no_other_file(tmp_path: Path, found: str) -> None:
    out = tmp_path / "out.safetensors"
    bank = StyleBank.load()
    vector = bank.vectors["wave"]
    export_style(bank.network, vector, StyleEntry(name="wave"), out, tier="live", dedicated=False, about={})
    check_new(out, tmp_path, "wave", resume=True)
    if found == "nothing of ours":
        out.write_text(found)
    before = out.read_bytes()
    name = "scream" if found == "another style" else "wave"
    done = CliRunner().invoke(app, ["train", str(tmp_path), "--name", name, "--out", str(out), "--resume"])
    assert isinstance(done.exception, UsageError)
    assert f"{out} exists" in str(done.exception)
    assert out.read_bytes() == before


def test_a_run_is_not_begun_anew_over_another(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / CHECKPOINT).write_bytes(b"hours")
    check_new(tmp_path / "x.safetensors", tmp_path / "runs", "x", resume=True)
    done = CliRunner().invoke(app, ["train", str(tmp_path), "--name", "x", "--run", str(tmp_path / "runs")])
    assert isinstance(done.exception, UsageError)
    assert "--resume goes on with it" in str(done.exception)
    assert (tmp_path / "runs" / CHECKPOINT).read_bytes() == b"hours"


@pytest.mark.parametrize("option", ["--content", "--out"])
def test_names_that_are_too_long_are_refused(tmp_path: Path, option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    painting = write_picture(tmp_path / "photos" / "wave.png")
    given = {"--content": str(painting.parent), "--out": str(tmp_path / "x.safetensors"), "--run": str(tmp_path / "run")}
    given[option] = f"{tmp_path}/{300 * 'x'}/x.safetensors"
    words = [word for pair in given.items() for word in pair]
    done = CliRunner().invoke(app, ["train", str(painting), *words, "--device", "cpu"])
    assert isinstance(done.exception, UsageError), done.exception


@pytest.mark.skipif(sys.platform == "win32", reason="accounts have a home there")
def test_an_account_without_a_home_has_no_folder_to_remember(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nobody(_: int) -> None:
        raise KeyError

    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    remember(tmp_path)
    with pytest.raises(UsageError, match="--content DIR"):
        photo_folder(None)
