"""Training by every option of its losses, by L-BFGS, and of parts of a network."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from training_parts import recipe_for, train, write_picture

from rtstyle.errors import UsageError
from rtstyle.nets import build_network
from rtstyle.styles import StyleBank
from rtstyle.training.data import as_batch, load_picture
from rtstyle.training.loop import Trainer


def test_lbfgs_fits_a_vector_faster_than_adam(tmp_path: Path, untrained: dict[str, Path]) -> None:
    last: dict[str, float] = {}
    for optimizer in ("adam", "lbfgs"):
        recipe, given = recipe_for(tmp_path, optimizer=optimizer, strength_share=0.0, batch_size=1, steps=8, warmup=1)
        given["photos"] = given["photos"][:1]
        train(recipe, given, loss_weights=untrained["vgg19"], freeze_network=True)
        rows = [line.split(",") for line in (tmp_path / "run" / "log.csv").read_text().splitlines()]
        total = [float(row[1]) + 10 * float(row[2]) for row in rows[1:]]
        assert total[-1] < total[0]
        last[optimizer] = total[-1]
    assert last["lbfgs"] < last["adam"]


def test_lbfgs_goes_on_from_a_checkpoint(tmp_path: Path, untrained: dict[str, Path]) -> None:
    recipe, given = recipe_for(tmp_path, optimizer="lbfgs", strength_share=0.0, batch_size=1, steps=4)
    whole = train(recipe, given, loss_weights=untrained["vgg19"], freeze_network=True).vectors
    half, _ = recipe_for(tmp_path, optimizer="lbfgs", strength_share=0.0, batch_size=1, steps=2)
    train(half, given, loss_weights=untrained["vgg19"], freeze_network=True)
    torch.manual_seed(0)
    network = build_network(recipe.net)
    options = {"loss_weights": untrained["vgg19"], "freeze_network": True}
    trainer = Trainer(recipe, network=network, vectors=network.neutral_style()[None], **given, **options)
    trainer.resume()
    assert trainer.run()
    assert torch.allclose(trainer.vectors, whole, atol=1e-3)


def test_a_texture_network_goes_on_with_the_noise_it_would_have_met(tmp_path: Path, untrained: dict[str, Path]) -> None:
    """Its pattern moves at every step, whether or not the run was stopped and looked at between."""
    recipe, given = recipe_for(tmp_path, net={"arch": "texture", "width": 2, "scales": 2}, steps=3, batch_size=1, warmup=0)
    whole = train(recipe, {**given, "run_folder": tmp_path / "whole"}, loss_weights=untrained["vgg19"])
    options = {**given, "preview_photos": given["photos"][:1], "loss_weights": untrained["vgg19"]}
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
    tmp_path: Path, untrained: dict[str, Path], changes: dict[str, Any], freeze: bool, said: str
) -> None:
    def attempt() -> None:
        recipe, given = recipe_for(tmp_path, **{"optimizer": "lbfgs", "strength_share": 0.0, **changes})
        train(recipe, given, loss_weights=untrained["vgg19"], freeze_network=freeze)

    with pytest.raises(UsageError, match=said):
        attempt()


def test_every_worker_has_a_seed_of_its_own(tmp_path: Path, untrained: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The one it always had: a run that was stopped goes on with the same photos."""
    for photo in recipe_for(tmp_path)[1]["photos"]:
        write_picture(tmp_path / "wave" / photo.name)
    for rank, teacher in ((0, None), (3, None), (3, tmp_path)):
        monkeypatch.setenv("RANK", str(rank))
        recipe, given = recipe_for(tmp_path, seed=7)
        network = build_network(recipe.net)
        options = {**given, "loss_weights": untrained["vgg19"], "teacher": teacher}
        trainer = Trainer(recipe, network=network, vectors=network.neutral_style()[None], **options)
        assert trainer.batches.seed == trainer.generator.initial_seed() == 7000 + rank


def test_muon_is_refused_where_the_network_stays(tmp_path: Path, untrained: dict[str, Path]) -> None:
    recipe, given = recipe_for(tmp_path, optimizer="muon")
    with pytest.raises(UsageError, match="add --full"):
        train(recipe, given, loss_weights=untrained["vgg19"], freeze_network=True)


def test_only_what_gives_the_photo_back_is_trained(tmp_path: Path, untrained: dict[str, Path]) -> None:
    bank = StyleBank.load(tier="live")
    net = dataclasses.asdict(bank.network.config)
    changes = {"trains": "photo_term", "strength_share": 1.0, "learning_rate": 0.004, "content_weight": 0.0, "style_weight": 0.0}
    recipe, given = recipe_for(tmp_path, net=net, steps=10, batch_size=4, warmup=1, **changes)
    style = bank.vectors["wave"][None]
    for norm in bank.network.norms():
        norm.photo_gain.data *= 0.9
    before = copy.deepcopy(bank.network).eval()
    trainer = Trainer(recipe, network=bank.network, vectors=style, loss_weights=untrained["vgg19"], **given)
    assert trainer.run()
    assert torch.equal(trainer.vectors, style)
    photo = as_batch([load_picture(given["photos"][0])])[:, :, :64, :64]
    with torch.inference_mode():
        assert torch.equal(trainer.network(photo, style), before(photo, style)), "full strength stays as it is"
        far, near = (float((net(photo, 0 * style) - photo).square().mean()) for net in (before, trainer.network))
    assert near < 0.8 * far


def test_only_the_vectors_that_have_a_share_are_trained(tmp_path: Path, untrained: dict[str, Path]) -> None:
    styles = [{"name": "wave", "image": "wave.png"}, {"name": "other", "image": "wave.png", "share": 0}]
    recipe, given = recipe_for(tmp_path, trains="vectors", styles=styles)
    given["paintings"] *= 2
    network = build_network(recipe.net)
    before, vectors = copy.deepcopy(network), network.neutral_style().repeat(2, 1)
    trainer = Trainer(recipe, network=network, vectors=vectors.clone(), loss_weights=untrained["vgg19"], **given)
    assert trainer.run()
    learned, stayed = trainer.vectors.cpu()
    assert torch.equal(stayed, vectors[1])
    assert not torch.equal(learned, vectors[0])
    for name, value in before.state_dict().items():
        assert torch.equal(value, network.state_dict()[name]), name
    with pytest.raises(UsageError, match="set adam"):
        recipe_for(tmp_path, trains="vectors", optimizer="muon")


def test_a_network_that_stays_has_no_part_to_train(tmp_path: Path, untrained: dict[str, Path]) -> None:
    recipe, given = recipe_for(tmp_path, trains="photo_term")
    with pytest.raises(UsageError, match="add --full"):
        train(recipe, given, loss_weights=untrained["vgg19"], freeze_network=True)


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
def test_training_takes_every_option(tmp_path: Path, untrained: dict[str, Path], changes: dict[str, Any]) -> None:
    recipe, given = recipe_for(tmp_path, **changes)
    trainer = train(recipe, given, loss_weights=untrained[recipe.loss_network])
    rows = (tmp_path / "run" / "log.csv").read_text().splitlines()
    assert len(rows) >= 2
    assert trainer.record.running["style"] > 0
    again = build_network(recipe.net)
    again.load_state_dict(torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["network"])
