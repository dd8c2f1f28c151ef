"""A new style: where its fit starts, what it says in the end, and what must not end it."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from rtstyle.errors import TrainingError, UsageError
from rtstyle.nets.transformer import NetConfig, TransformerNet
from rtstyle.perceptual.network import LossNetwork
from rtstyle.styles import StyleBank, StyleEntry, load_style_file
from rtstyle.training.checkpoint import CHECKPOINT, load_checkpoint
from rtstyle.training.command import TrainRequest, learn
from rtstyle.training.data import held_out, list_pictures, load_pictures
from rtstyle.training.export import export_style, export_tier
from rtstyle.training.fit import FIT_RECIPE, FULL_RECIPE, STARTING_PHOTOS, FitResult, fit_style, full_recipe, hint, measure
from rtstyle.training.loop import Trainer
from rtstyle.training.recipe import Recipe, StyleSource
from rtstyle.training.record import LOG
from rtstyle.training.remember import photo_folder, remember

TINY = NetConfig(width=2, blocks=0, deep_blocks=1)
RECIPE = dataclasses.replace(
    FIT_RECIPE, net=TINY, steps=1, batch_size=1, image_size=64, photo_scale=(64, 96), painting_size=96, vector_learning_rate=1e-12
)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tier with three styles of random vectors."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(3)
    network = TransformerNet(TINY)
    vectors = network.neutral_style().repeat(3, 1)
    vectors[:, :-1] += torch.randn_like(vectors[:, :-1])
    styles = tuple(StyleSource(name=name, image="x.jpg") for name in "abc")
    export_tier(network, vectors, Recipe(net=TINY, styles=styles), folder, steps=1)
    return folder


def fit(painting: Path, photos: Path, weights: Path, loss_weights: Path, folder: Path, *, resume: bool = False) -> FitResult:
    return fit_style(
        painting,
        folder / "new.safetensors",
        list_pictures(photos),
        name="new",
        recipe=RECIPE,
        weights=weights,
        run_folder=folder / "run",
        device=CPU,
        loss_weights=loss_weights,
        resume=resume,
    )


def test_a_fit_starts_from_what_is_nearest(
    tmp_path: Path, painting: Path, photo_folder: Path, weights: Path, loss_weights: Path
) -> None:
    fit(painting, photo_folder, weights, loss_weights, tmp_path)
    bank = StyleBank.load(folder=weights)
    known = torch.stack(list(bank.vectors.values()))
    starts = torch.cat((known, known.mean(0, keepdim=True)))
    photos = load_pictures(held_out(list_pictures(photo_folder)), STARTING_PHOTOS)
    losses = measure(bank.network, starts, painting, photos, RECIPE, LossNetwork(RECIPE.layers, weights=loss_weights), CPU)
    nearest = starts[int(np.argmin([RECIPE.style_weight * style + content for style, content in losses]))]
    # The rate is next to nothing: the fitted vector is where the fit began.
    assert torch.allclose(load_style_file(tmp_path / "new.safetensors").vector, nearest, atol=1e-4)


def test_another_network_than_the_bundled_one_is_refused(
    tmp_path: Path, painting: Path, photo_folder: Path, weights: Path, loss_weights: Path
) -> None:
    recipe = dataclasses.replace(RECIPE, net=NetConfig(width=4, blocks=0, deep_blocks=1))
    given = {"name": "new", "weights": weights, "run_folder": tmp_path / "run", "device": CPU, "loss_weights": loss_weights}
    with pytest.raises(UsageError, match="add --full"):
        fit_style(painting, tmp_path / "new.safetensors", list_pictures(photo_folder), recipe=recipe, **given)
    assert not list(tmp_path.glob("*new*"))


@pytest.mark.parametrize("tier", ["live", "studio"])
def test_a_network_of_its_own_begins_at_the_bundled_one(tier: str) -> None:
    bundled = StyleBank.load(tier=tier).network
    assert full_recipe(tier).net == bundled.config
    assert full_recipe("of no such name") == FULL_RECIPE


def test_a_fit_that_was_stopped_goes_on_from_where_it_was(
    tmp_path: Path, painting: Path, photo_folder: Path, weights: Path, loss_weights: Path
) -> None:
    recipe = dataclasses.replace(RECIPE, steps=4, vector_learning_rate=2e-2, warmup=0)
    options = {"name": "new", "recipe": recipe, "weights": weights, "run_folder": tmp_path / "run", "device": CPU}
    given = painting, tmp_path / "new.safetensors", list_pictures(photo_folder)
    first = fit_style(*given, **options, loss_weights=loss_weights, listener=lambda progress: progress.step < 2)
    assert not first.finished
    stopped = load_style_file(first.path).vector
    assert torch.equal(load_checkpoint(tmp_path / "run" / CHECKPOINT)["vectors"][0], stopped)
    second = fit_style(*given, **options, loss_weights=loss_weights, resume=True)
    assert second.finished
    assert [line.split(",")[0] for line in (tmp_path / "run" / LOG).read_text().splitlines()] == ["step", "0", "1", "2", "3"]
    # Two steps of Adam move each number by twice the rate at most: it did not begin anew elsewhere.
    assert 0 < (load_style_file(second.path).vector - stopped).abs().max() < 0.05


def test_a_fit_does_not_go_on_with_another_network(
    tmp_path: Path, painting: Path, photo_folder: Path, weights: Path, loss_weights: Path
) -> None:
    """What it would write paints with no network that is there any more."""
    fit(painting, photo_folder, weights, loss_weights, tmp_path)
    bank = StyleBank.load(folder=weights)
    next(bank.network.parameters()).data.mul_(1.1)
    tier = Recipe(net=TINY, styles=(StyleSource(name="a", image="x.jpg"),))
    export_tier(bank.network, bank.vectors["a"][None], tier, tmp_path / "newer", steps=2)
    with pytest.raises(UsageError, match="no longer the bundled one; fit anew, without --resume"):
        fit(painting, photo_folder, tmp_path / "newer", loss_weights, tmp_path, resume=True)


def test_a_network_of_its_own_reads_no_weights_to_know_its_shape(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StyleBank, "load", lambda **_: pytest.fail("the bank is loaded where the fit begins"))
    assert full_recipe("live", weights).net == TINY


def test_a_broken_photo_among_those_held_out_ends_nothing(
    tmp_path: Path, painting: Path, photo_folder: Path, weights: Path, loss_weights: Path, caplog: pytest.LogCaptureFixture
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for path in photo_folder.iterdir():
        (photos / path.name).write_bytes(path.read_bytes())
    broken = held_out(list_pictures(photos))[0]
    broken.write_bytes(broken.read_bytes()[:300])
    with caplog.at_level(logging.WARNING):
        assert fit(painting, photos, weights, loss_weights, tmp_path).style > 0
    assert broken.name in caplog.text


@pytest.mark.parametrize(
    ("style", "content", "says"), [(0.3, 0.6, "weak"), (0.05, 1.2, "strong"), (0.3, 1.2, "weak"), (0.05, 0.6, "")]
)
def test_the_hint_names_a_look_that_is_too_weak_or_too_strong(style: float, content: float, says: str) -> None:
    assert says in hint(style, content)
    assert bool(hint(style, content)) is bool(says)


def test_the_folder_of_photos_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(UsageError, match="val2017"):
        photo_folder(None)
    folder = tmp_path / "photos"
    folder.mkdir()
    remember(folder)
    assert photo_folder(None) == folder
    assert photo_folder(tmp_path) == tmp_path, "a folder that is named counts"
    folder.rmdir()
    with pytest.raises(UsageError, match="is gone"):
        photo_folder(None)


def test_only_a_folder_with_photos_is_remembered(tmp_path: Path, painting: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    empty = tmp_path / "empty"
    empty.mkdir()
    request = TrainRequest(
        painting=painting, content=empty, name="x", out=tmp_path / "x.safetensors", run_folder=tmp_path, device="cpu"
    )
    with pytest.raises(UsageError, match="no pictures"):
        learn(request, on_sheet=lambda sheet: None)
    with pytest.raises(UsageError, match="--content DIR"):
        learn(dataclasses.replace(request, content=None), on_sheet=lambda sheet: None)


def make_trainer(run_folder: Path, painting: Path, photo_folder: Path, loss_weights: Path) -> Trainer:
    network = TransformerNet(TINY)
    recipe = dataclasses.replace(RECIPE, steps=3, styles=(StyleSource(name="x", image="x.jpg"),))
    return Trainer(
        recipe,
        network=network,
        vectors=network.neutral_style()[None],
        paintings=[painting],
        photos=list_pictures(photo_folder),
        preview_photos=[],
        run_folder=run_folder,
        device=CPU,
        loss_weights=loss_weights,
    )


def test_a_loss_far_above_its_usual_value_is_skipped_and_said(
    tmp_path: Path, painting: Path, photo_folder: Path, loss_weights: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trainer = make_trainer(tmp_path, painting, photo_folder, loss_weights)
    trainer.steps.usual = 1e-3
    before = trainer.vectors
    trainer.run()
    assert torch.equal(trainer.vectors, before)
    assert trainer.steps.rate_scale == 1 / 8
    assert "after 0.001; step skipped, learning rate halved" in caplog.text


def test_a_run_folder_that_cannot_be_is_one_line(tmp_path: Path, painting: Path, photo_folder: Path, loss_weights: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    trainer = make_trainer(tmp_path / "file" / "run", painting, photo_folder, loss_weights)
    with pytest.raises(TrainingError, match="cannot write to"):
        trainer.run()


def test_a_style_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    network = TransformerNet(TINY)
    path = tmp_path / "new.safetensors"
    path.mkdir()
    with pytest.raises(TrainingError, match="make room"):
        export_style(network, network.neutral_style(), StyleEntry(name="new"), path, tier="live", dedicated=False, about={})
    assert list(tmp_path.iterdir()) == [path]


def test_a_style_that_paints_otherwise_does_not_replace_the_one_before(tmp_path: Path) -> None:
    network, path = TransformerNet(TINY), tmp_path / "new.safetensors"
    options = {"tier": "live", "dedicated": True, "about": {}}
    export_style(network, network.neutral_style(), StyleEntry(name="new"), path, **options)
    before = path.read_bytes()
    for parameter in network.parameters():
        parameter.data *= 1e9  # float16 cannot hold them
    with pytest.raises(TrainingError, match="paints otherwise"):
        export_style(network, network.neutral_style(), StyleEntry(name="new"), path, **options)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_pictures_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    for index in range(3):
        Image.new("RGB", (70, 70), (index, 0, 0)).save(tmp_path / f"{index}.png")
    (tmp_path / "0.png").write_bytes(b"no picture")
    pictures = load_pictures([*sorted(tmp_path.iterdir()), tmp_path / "absent.png"], 5)
    assert [int(picture[0, 0, 0]) for picture in pictures] == [1, 2]
    assert len(load_pictures(sorted(tmp_path.iterdir()), 1)) == 1
