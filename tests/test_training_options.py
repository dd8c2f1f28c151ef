"""Training with every option of its losses, by L-BFGS and after a teacher."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from training_parts import recipe_for, train, untrained_weights, write_picture
from typer.testing import CliRunner

from rtstyle.cli.main import app
from rtstyle.errors import TrainingError, UsageError
from rtstyle.nets import build_network
from rtstyle.styles import StyleBank, StyleMix
from rtstyle.training.command import Request, build_recipe, learn
from rtstyle.training.curves import draw_curves
from rtstyle.training.data import as_batch, load_picture
from rtstyle.training.loop import Trainer
from rtstyle.training.recipe import Recipe
from rtstyle.training.teacher import Lessons


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files of untrained networks."""
    return untrained_weights(tmp_path_factory.mktemp("weights"))


def test_lbfgs_fits_a_vector_faster_than_adam(tmp_path: Path, weights: dict[str, Path]) -> None:
    last: dict[str, float] = {}
    for optimizer in ("adam", "lbfgs"):
        recipe, given = recipe_for(tmp_path, optimizer=optimizer, strength_share=0.0, batch_size=1, steps=8, warmup=1)
        given["photos"] = given["photos"][:1]
        train(recipe, given, loss_weights=weights["vgg19"], freeze_network=True)
        rows = [line.split(",") for line in (tmp_path / "run" / "log.csv").read_text().splitlines()]
        total = [float(row[1]) + 10 * float(row[2]) for row in rows[1:]]
        assert total[-1] < total[0]
        last[optimizer] = total[-1]
    assert last["lbfgs"] < last["adam"]


def test_lbfgs_goes_on_from_a_checkpoint(tmp_path: Path, weights: dict[str, Path]) -> None:
    recipe, given = recipe_for(tmp_path, optimizer="lbfgs", strength_share=0.0, batch_size=1, steps=4)
    whole = train(recipe, given, loss_weights=weights["vgg19"], freeze_network=True).vectors
    half, _ = recipe_for(tmp_path, optimizer="lbfgs", strength_share=0.0, batch_size=1, steps=2)
    train(half, given, loss_weights=weights["vgg19"], freeze_network=True)
    torch.manual_seed(0)
    network = build_network(recipe.net)
    options = {"loss_weights": weights["vgg19"], "freeze_network": True}
    trainer = Trainer(recipe, network=network, vectors=network.neutral_style()[None], **given, **options)
    trainer.resume()
    assert trainer.run()
    assert torch.allclose(trainer.vectors, whole, atol=1e-3)


def test_a_texture_network_goes_on_with_the_noise_it_would_have_met(tmp_path: Path, weights: dict[str, Path]) -> None:
    """Its pattern moves at every step, whether or not the run was stopped and looked at between."""
    recipe, given = recipe_for(tmp_path, net={"arch": "texture", "width": 2, "scales": 2}, steps=3, batch_size=1, warmup=0)
    whole = train(recipe, {**given, "run_folder": tmp_path / "whole"}, loss_weights=weights["vgg19"])
    options = {**given, "preview_photos": given["photos"][:1], "loss_weights": weights["vgg19"]}
    for paints in (False, True):  # a network from a bank is one that paints; it is trained like any other
        torch.manual_seed(0)
        network = build_network(recipe.net).train(not paints)
        trainer = Trainer(recipe, network=network, vectors=network.neutral_style()[None], **options)
        if paints:
            trainer.resume()
            assert trainer.run()
        else:
            assert not trainer.run(sheet_every=1, listener=lambda progress: progress.step < 2)
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, trainer.network.state_dict()[name]), name


@pytest.mark.parametrize(
    ("changes", "freeze", "said"),
    [
        ({}, False, "use adam with --full"),
        ({"strength_share": 0.25}, True, "without chance"),
        ({"temporal_weight": 1.0}, True, "without chance"),
        ({"optimizer": "sgd"}, True, "legal: adam, muon, lbfgs"),
    ],
)
def test_lbfgs_is_refused_where_it_does_not_apply(
    tmp_path: Path, weights: dict[str, Path], changes: dict[str, Any], freeze: bool, said: str
) -> None:
    def attempt() -> None:
        recipe, given = recipe_for(tmp_path, **{"optimizer": "lbfgs", "strength_share": 0.0, **changes})
        train(recipe, given, loss_weights=weights["vgg19"], freeze_network=freeze)

    with pytest.raises(UsageError, match=said):
        attempt()


def test_every_worker_has_a_seed_of_its_own(tmp_path: Path, weights: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The one it always had: a run that was stopped goes on with the same photos."""
    for photo in recipe_for(tmp_path)[1]["photos"]:
        write_picture(tmp_path / "wave" / photo.name)
    for rank, teacher in ((0, None), (3, None), (3, tmp_path)):
        monkeypatch.setenv("RANK", str(rank))
        recipe, given = recipe_for(tmp_path, seed=7)
        network = build_network(recipe.net)
        options = {**given, "loss_weights": weights["vgg19"], "teacher": teacher}
        trainer = Trainer(recipe, network=network, vectors=network.neutral_style()[None], **options)
        assert trainer.batches.seed == trainer.generator.initial_seed() == 7000 + rank


def test_muon_is_refused_where_the_network_stays(tmp_path: Path, weights: dict[str, Path]) -> None:
    recipe, given = recipe_for(tmp_path, optimizer="muon")
    with pytest.raises(UsageError, match="add --full"):
        train(recipe, given, loss_weights=weights["vgg19"], freeze_network=True)


def test_only_what_gives_the_photo_back_is_trained(tmp_path: Path, weights: dict[str, Path]) -> None:
    bank = StyleBank.load(tier="live")
    net = dataclasses.asdict(bank.network.config)
    changes = {"trains": "photo_term", "strength_share": 1.0, "learning_rate": 0.004, "content_weight": 0.0, "style_weight": 0.0}
    recipe, given = recipe_for(tmp_path, net=net, steps=10, batch_size=4, warmup=1, **changes)
    style = bank.vectors["wave"][None]
    for norm in bank.network.norms():
        norm.photo_gain.data *= 0.9
    before = copy.deepcopy(bank.network).eval()
    trainer = Trainer(recipe, network=bank.network, vectors=style, loss_weights=weights["vgg19"], **given)
    assert trainer.run()
    assert torch.equal(trainer.vectors, style)
    photo = as_batch([load_picture(given["photos"][0])])[:, :, :64, :64]
    with torch.inference_mode():
        assert torch.equal(trainer.network(photo, style), before(photo, style)), "full strength stays as it is"
        far, near = (float((net(photo, 0 * style) - photo).square().mean()) for net in (before, trainer.network))
    assert near < 0.8 * far


def test_only_the_vectors_that_have_a_share_are_trained(tmp_path: Path, weights: dict[str, Path]) -> None:
    styles = [{"name": "wave", "image": "wave.png"}, {"name": "other", "image": "wave.png", "share": 0}]
    recipe, given = recipe_for(tmp_path, trains="vectors", styles=styles)
    given["paintings"] *= 2
    network = build_network(recipe.net)
    before, vectors = copy.deepcopy(network), network.neutral_style().repeat(2, 1)
    trainer = Trainer(recipe, network=network, vectors=vectors.clone(), loss_weights=weights["vgg19"], **given)
    assert trainer.run()
    learned, stayed = trainer.vectors.cpu()
    assert torch.equal(stayed, vectors[1])
    assert not torch.equal(learned, vectors[0])
    for name, value in before.state_dict().items():
        assert torch.equal(value, network.state_dict()[name]), name
    with pytest.raises(UsageError, match="set adam"):
        recipe_for(tmp_path, trains="vectors", optimizer="muon")


def test_a_network_that_stays_has_no_part_to_train(tmp_path: Path, weights: dict[str, Path]) -> None:
    recipe, given = recipe_for(tmp_path, trains="photo_term")
    with pytest.raises(UsageError, match="add --full"):
        train(recipe, given, loss_weights=weights["vgg19"], freeze_network=True)


def test_a_rate_goes_to_what_it_is_for(tmp_path: Path) -> None:
    given: dict[str, Any] = {"painting": tmp_path, "content": None, "name": "x", "out": tmp_path, "run_folder": tmp_path}
    by_muon = {"optimizer": "muon", "learning_rate": 6e-3}
    recipe = build_recipe(Request(**given, full=True, changes=by_muon))
    assert recipe.learning_rate == 6e-3
    assert recipe.kernel_learning_rate == pytest.approx(2 * Recipe().kernel_learning_rate)
    assert build_recipe(Request(**given, changes={"vector_learning_rate": 0.5})).vector_learning_rate == 0.5
    with pytest.raises(UsageError, match="leave out --lr"):
        build_recipe(Request(**given, changes={"optimizer": "lbfgs", "vector_learning_rate": 0.5}))


@pytest.mark.parametrize(("epochs", "changes"), [(math.inf, {}), (math.nan, {}), (2.0, {"steps": 5})])
def test_epochs_are_a_number_and_stand_alone(tmp_path: Path, epochs: float, changes: dict[str, Any]) -> None:
    photo = write_picture(tmp_path / "photos" / "a.jpg")
    request = Request(
        painting=photo, content=photo.parent, name="x", out=tmp_path / "x.safetensors", run_folder=tmp_path, epochs=epochs,
        changes=changes, device="cpu",
    )  # fmt: skip
    with pytest.raises(UsageError, match="--epochs"):
        learn(request, on_sheet=lambda sheet: None)


@pytest.mark.parametrize(
    "changes",
    [
        {"loss_network": "vgg16", "content_layers": ["relu2_2"], "style_layers": {"relu1_2": 2.0, "relu3_3": 1.0}},
        {"loss_network": "resnet18", "content_layers": [], "style_layers": ["relu1", "block1_2"]},
        {"style_measure": "frobenius", "gram_normalisation": "elements"},
        {"style_measure": "feature"},
        {"net": {"arch": "johnson", "width": 4, "blocks": 1}},
        {"net": {"arch": "texture", "width": 4, "scales": 3}, "temporal_weight": 1.0},
    ],
    ids=["vgg16", "resnet18", "frobenius", "feature", "johnson", "texture"],
)
def test_training_takes_every_option(tmp_path: Path, weights: dict[str, Path], changes: dict[str, Any]) -> None:
    recipe, given = recipe_for(tmp_path, **changes)
    trainer = train(recipe, given, loss_weights=weights[recipe.loss_network])
    rows = (tmp_path / "run" / "log.csv").read_text().splitlines()
    assert len(rows) >= 2
    assert trainer.record.running["style"] > 0
    again = build_network(recipe.net)
    again.load_state_dict(torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["network"])


def test_a_teacher_is_followed(tmp_path: Path, weights: dict[str, Path]) -> None:
    """Taught nothing but inverted photos, the network moves towards them and away from the photos."""
    recipe, given = recipe_for(
        tmp_path,
        steps=14,
        warmup=1,
        learning_rate=0.01,
        batch_size=1,
        style_layers=["relu1_1"],
        content_layers=["relu1_1"],
        teacher_weight=1000.0,
        strength_share=0.0,
        content_weight=0.0,
        style_weight=0.0,
    )
    for path in given["photos"]:
        photo = np.asarray(Image.open(path))
        (tmp_path / "wave").mkdir(exist_ok=True)
        Image.fromarray(255 - photo).save(tmp_path / "wave" / f"{path.stem}.png")
    trainer = train(recipe, given, loss_weights=weights["vgg19"], teacher=tmp_path)
    rows = [line.split(",") for line in (tmp_path / "run" / "log.csv").read_text().splitlines()]
    taught = [float(row[rows[0].index("teacher")]) for row in rows[1:]]
    assert np.mean(taught[-3:]) < 0.8 * np.mean(taught[:3])
    assert trainer.step == 14


def test_lessons_show_the_same_place_of_both(tmp_path: Path) -> None:
    write_picture(tmp_path / "photos" / "a.png", 120, 160)
    write_picture(tmp_path / "photos" / "unpainted.png")
    painted = 255 - np.asarray(Image.open(tmp_path / "photos" / "a.png").resize((128, 96), Image.Resampling.LANCZOS))
    (tmp_path / "scream").mkdir()
    Image.fromarray(painted).save(tmp_path / "scream" / "a.png")
    lessons = Lessons(tmp_path, ["wave", "scream"], batch_size=3, image_size=64, seed=1)
    for lesson in itertools.islice(lessons, 3):
        assert lesson.photos.shape == lesson.taught.shape == (3, 3, 64, 64)
        assert lesson.chosen.tolist() == [1, 1, 1]
        assert torch.allclose(lesson.taught, 1 - lesson.photos, atol=2 / 255)


def test_curves_that_cannot_be_written_end_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = tmp_path / "log.csv"
    log.write_text("step,content,style\n0,1.0,2.0\n1,0.5,1.0\n")
    draw_curves(log, tmp_path / "gone" / "losses.png")
    assert "no loss curves" in caplog.text
    draw_curves(log, tmp_path / "losses.png")
    assert Image.open(tmp_path / "losses.png").format == "PNG"


def test_a_lesson_that_cannot_be_read_is_skipped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a", "b"):
        write_picture(tmp_path / "photos" / f"{name}.png")
        write_picture(tmp_path / "wave" / f"{name}.png")
    (tmp_path / "wave" / "b.png").write_bytes(b"damaged")
    lessons = Lessons(tmp_path, ["wave"], batch_size=4, image_size=64, seed=1)
    assert len(list(itertools.islice(lessons, 4))) == 4
    assert [record.message.partition(":")[0] for record in caplog.records] == ["skipped"]
    (tmp_path / "wave" / "a.png").write_bytes(b"damaged")
    with pytest.raises(TrainingError, match="none of the teacher's pairs"):
        next(iter(Lessons(tmp_path, ["wave"], batch_size=4, image_size=64, seed=1)))


def test_a_teacher_without_pairs_is_refused(tmp_path: Path) -> None:
    write_picture(tmp_path / "photos" / "a.png")
    write_picture(tmp_path / "wave" / "b.png")
    with pytest.raises(UsageError, match=r"no pair in .*photos/NAME.jpg and wave/NAME.jpg"):
        Lessons(tmp_path, ["wave"], batch_size=1, image_size=64, seed=1)


def test_photos_that_cannot_be_read_are_refused_before_training(
    tmp_path: Path, weights: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    painting = write_picture(tmp_path / "wave.png", seed=9)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"damaged")
    given = ["--content", str(tmp_path / "photos"), "--out", str(tmp_path / "out.safetensors"), "--run", str(tmp_path / "run")]
    options = ["--steps", "2", "--image-size", "64", "--painting-size", "64", "--loss-weights", str(weights["vgg19"])]
    options += ["--content-layers", "relu2_1", "--style-layers", "relu1_1,relu2_1"]
    done = CliRunner().invoke(app, ["train", str(painting), *given, *options, "--device", "cpu"])
    assert isinstance(done.exception, UsageError)
    assert "none of the photos can be read" in str(done.exception)
    assert not (tmp_path / "out.safetensors").exists()


@pytest.mark.parametrize("epochs", ["1e308", "1e9"])
def test_epochs_have_an_end(tmp_path: Path, weights: dict[str, Path], epochs: str) -> None:
    painting = write_picture(tmp_path / "wave.png", seed=9)
    for index in range(12):
        write_picture(tmp_path / "photos" / f"{index}.jpg", seed=index)
    given = ["--content", str(tmp_path / "photos"), "--out", str(tmp_path / "out.safetensors"), "--epochs", epochs]
    done = CliRunner().invoke(app, ["train", str(painting), *given, "--batch-size", "1", "--device", "cpu"])
    assert isinstance(done.exception, UsageError)
    assert "are more than 100,000,000 steps" in str(done.exception)


def test_the_command_takes_another_network_a_teacher_and_the_losses(
    tmp_path: Path, weights: dict[str, Path], monkeypatch: pytest.MonkeyPatch
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
        "--loss-weights": weights["resnet18"],
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
    tmp_path: Path, weights: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for index in range(20):
        write_picture(tmp_path / "photos" / f"{index:02d}.jpg", seed=index)
    request = Request(
        painting=write_picture(tmp_path / "wave.png", seed=9),
        content=tmp_path / "photos",
        name="wave",
        out=tmp_path / "out.safetensors",
        full=True,
        epochs=0.5,
        changes={"batch_size": 3, "image_size": 64, "painting_size": 64, "temporal_weight": 0.0},
        run_folder=tmp_path / "run",
        device="cpu",
        loss_weights=weights["vgg19"],
        recipe=tmp_path / "recipe.toml",
    )
    assert request.recipe is not None
    request.recipe.write_text('content_layers = ["relu1_1"]\nstyle_layers = ["relu1_1"]\nnet = {width = 4, blocks = 0}\n')
    learn(request, on_sheet=lambda sheet: None)
    # Two of the twenty are held out: nine photos in threes.
    assert torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["step"] == 3
