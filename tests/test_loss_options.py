"""What training can be told about its losses: networks, layers, measures, teachers and folders of any layout."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from rtstyle.errors import UsageError, WeightsError
from rtstyle.nets import build_network
from rtstyle.perceptual.backbones import BACKBONES, build_backbone
from rtstyle.perceptual.losses import content_loss, gram_matrix, layer_weights, style_loss, style_target
from rtstyle.perceptual.network import LossNetwork
from rtstyle.training.command import Request, build_recipe
from rtstyle.training.data import list_pictures
from rtstyle.training.loop import Trainer
from rtstyle.training.recipe import Recipe
from rtstyle.training.teacher import Lessons


def write_picture(path: Path, height: int = 96, width: int = 128, seed: int = 0) -> Path:
    """A smooth random picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files as torchvision writes them, of untrained networks: what is tested here does not depend on what they saw."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights")
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


@pytest.mark.parametrize(
    ("name", "layers", "shapes"),
    [
        ("vgg19", ("relu1_1", "relu3_1"), {"relu1_1": (64, 64, 64), "relu3_1": (256, 16, 16)}),
        ("vgg16", ("relu1_2", "relu3_3"), {"relu1_2": (64, 64, 64), "relu3_3": (256, 16, 16)}),
        ("resnet18", ("relu1", "block2_2"), {"relu1": (64, 32, 32), "block2_2": (128, 8, 8)}),
    ],
)
def test_loss_networks(weights: dict[str, Path], name: str, layers: tuple[str, ...], shapes: dict[str, Any]) -> None:
    network = LossNetwork(layers, weights=weights[name], name=name)
    x = torch.rand(2, 3, 64, 64, requires_grad=True)
    features = network(x)
    assert {layer: tuple(value.shape[1:]) for layer, value in features.items()} == shapes
    sum(value.square().mean() for value in features.values()).backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
    assert not any(p.requires_grad for p in network.parameters())


def test_resnet_is_torchvisions(weights: dict[str, Path]) -> None:
    from torchvision.models import resnet18

    model = resnet18(weights=None).eval()
    model.load_state_dict(torch.load(weights["resnet18"], weights_only=True), strict=False)
    network = LossNetwork(("block2_1",), weights=weights["resnet18"], name="resnet18")
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        y = model.maxpool(model.relu(model.bn1(model.conv1((x - network.mean) / network.std))))
        assert torch.allclose(network(x)["block2_1"], model.layer2[0](model.layer1(y)), atol=1e-5)


def test_unknown_networks_and_layers_are_named(weights: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="legal: vgg19, vgg16, resnet18"):
        LossNetwork(("relu1_1",), name="alexnet")
    with pytest.raises(UsageError, match="no layer 'relu3_4' in vgg16; legal: relu1_1"):
        LossNetwork(("relu3_4",), name="vgg16")
    with pytest.raises(WeightsError, match="not a VGG-16"):
        LossNetwork(("relu1_2",), weights=weights["resnet18"], name="vgg16")
    with pytest.raises(WeightsError, match="RTSTYLE_RESNET18"):
        LossNetwork(("relu1",), weights=tmp_path / "absent.pth", name="resnet18")
    monkeypatch.setenv("RTSTYLE_VGG16", str(weights["vgg16"]))
    assert LossNetwork(("relu1_2",), name="vgg16")


def test_usual_layers_belong_to_their_network() -> None:
    for backbone in BACKBONES.values():
        assert {*backbone.content_layers, *backbone.style_layers} <= set(backbone.layers)
        recipe = Recipe(loss_network=backbone.name)
        assert tuple(recipe.style_layers) == backbone.style_layers


def test_layer_weights() -> None:
    assert layer_weights("relu1_1, relu2_1:0.5") == {"relu1_1": 1.0, "relu2_1": 0.5}
    assert layer_weights(["a", "b"]) == {"a": 1.0, "b": 1.0}
    with pytest.raises(UsageError, match="above 0"):
        layer_weights({"a": 0.0})
    with pytest.raises(UsageError, match="not a weight for layer b"):
        layer_weights("a,b:x")


def test_weights_shift_the_mean_between_layers() -> None:
    target = {"a": torch.ones(1, 2, 4, 4), "b": torch.ones(1, 2, 4, 4)}
    value = {"a": torch.ones(1, 2, 4, 4), "b": torch.zeros(1, 2, 4, 4)}
    assert content_loss(value, target, ("a", "b")) == pytest.approx(0.5)
    assert content_loss(value, target, {"a": 1.0, "b": 1.0}) == pytest.approx(0.5)
    assert content_loss(value, target, {"a": 1.0, "b": 3.0}) == pytest.approx(0.75)


def test_gram_normalisation_by_elements() -> None:
    features = torch.rand(2, 8, 5, 7)
    flat = features.flatten(2)
    assert torch.allclose(gram_matrix(features, "elements"), flat @ flat.transpose(1, 2) / (8 * 5 * 7))
    assert torch.allclose(gram_matrix(features, "pixels"), 8 * gram_matrix(features, "elements"))


def test_style_measures() -> None:
    painting, picture = {"a": torch.rand(1, 8, 6, 6)}, {"a": torch.rand(2, 8, 6, 6)}
    gap = gram_matrix(picture["a"], "elements") - gram_matrix(painting["a"], "elements")
    target = style_target(painting, ("a",), measure="frobenius", normalisation="elements")
    loss = style_loss(picture, target, ("a",), measure="frobenius", normalisation="elements")
    assert torch.allclose(loss, gap.square().sum((1, 2)))

    # The normalisation scales the Frobenius distance and leaves the relative error alone.
    per_pixel = style_loss(picture, style_target(painting, ("a",), measure="frobenius"), ("a",), measure="frobenius")
    assert torch.allclose(per_pixel, 64 * loss)
    relative = [
        style_loss(picture, style_target(painting, ("a",), normalisation=n), ("a",), normalisation=n)
        for n in ("pixels", "elements")
    ]
    assert torch.allclose(*relative)

    # Gram matrices do not care where things are, features do.
    moved = {"a": painting["a"].roll((2, 3), dims=(2, 3))}
    assert style_loss(moved, style_target(painting, ("a",)), ("a",)) == pytest.approx(0, abs=1e-6)
    assert style_loss(moved, style_target(painting, ("a",), measure="feature"), ("a",), measure="feature") > 0.1


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"style_measure": "l1"}, "legal: relative, frobenius, feature"),
        ({"gram_normalisation": "none"}, "legal: pixels, elements"),
        ({"loss_network": "vgg11"}, "legal: vgg19, vgg16, resnet18"),
        ({"net": {"arch": "texture"}, "image_size": 72, "photo_scale": [80, 90]}, "multiple of 16"),
        ({"net": {"arch": "nope"}}, "unknown network 'nope'"),
    ],
)
def test_recipes_say_what_is_legal(table: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Recipe.from_table(table)


def test_another_loss_network_brings_its_own_layers() -> None:
    given = {"painting": Path("a.png"), "content": None, "name": "a", "out": Path("a.safetensors"), "run_folder": Path("runs")}
    recipe = build_recipe(Request(**given, changes={"loss_network": "resnet18"}))
    assert tuple(recipe.style_layers) == BACKBONES["resnet18"].style_layers
    recipe = build_recipe(Request(**given, changes={"loss_network": "vgg16", "style_layers": "relu1_1,relu2_1:0.5"}))
    assert recipe.style_layers == {"relu1_1": 1.0, "relu2_1": 0.5}
    assert tuple(recipe.content_layers) == BACKBONES["vgg16"].content_layers


def test_recipe_tables_round_trip() -> None:
    recipe = Recipe.from_table(
        {
            "net": {"arch": "johnson", "width": 8},
            "style_layers": {"relu1_1": 2.0},
            "content_layers": ["relu2_1"],
            "style_measure": "frobenius",
        }
    )
    assert recipe.content_layers == {"relu2_1": 1.0}
    assert Recipe.from_table(recipe.to_table()) == recipe
    # As checkpoints of before networks had names hold it.
    old = {"net": {"width": 8, "blocks": 1, "deep_blocks": 3, "stem": "space_to_depth"}, "style_layers": ("relu1_1",)}
    assert Recipe.from_table(old).to_table()["net"]["arch"] == "transformer"


def test_folders_of_any_layout(tmp_path: Path) -> None:
    flat = write_picture(tmp_path / "a.jpg")
    nested = write_picture(tmp_path / "train" / "n01443537" / "images" / "n01443537_0.JPEG")
    (tmp_path / "train" / "n01443537" / "n01443537_boxes.txt").write_text("n01443537_0.JPEG 0 10 63 58")
    coco = write_picture(tmp_path / "val2017" / "000000000139.jpg")
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "instances_val2017.json").write_text("{}")
    labelme = write_picture(tmp_path / "labelme" / "street.png")
    (tmp_path / "labelme" / "street.json").write_text("{}")
    assert list_pictures(tmp_path) == sorted([flat, nested, coco, labelme])


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


@pytest.mark.parametrize(
    ("changes", "freeze", "said"),
    [
        ({}, False, "use adam with --full"),
        ({"strength_share": 0.25}, True, "without chance"),
        ({"temporal_weight": 1.0}, True, "without chance"),
        ({"optimizer": "sgd"}, True, "legal: adam, lbfgs"),
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


def test_a_teacher_without_pairs_is_refused(tmp_path: Path) -> None:
    write_picture(tmp_path / "photos" / "a.png")
    write_picture(tmp_path / "wave" / "b.png")
    with pytest.raises(UsageError, match=r"no pair in .*photos/NAME.jpg and wave/NAME.jpg"):
        Lessons(tmp_path, ["wave"], batch_size=1, image_size=64, seed=1)
