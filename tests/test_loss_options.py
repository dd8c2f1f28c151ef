"""What training can be told about its losses: networks, layers, measures, teachers and folders of any layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from training_parts import write_picture

from rtstyle.errors import UsageError, WeightsError
from rtstyle.perceptual.backbones import BACKBONES
from rtstyle.perceptual.losses import content_loss, gram_matrix, layer_weights, style_loss, style_target
from rtstyle.perceptual.network import LossNetwork
from rtstyle.training.command import TrainRequest, build_recipe
from rtstyle.training.data import list_pictures
from rtstyle.training.recipe import Recipe


@pytest.mark.parametrize(
    ("name", "layers", "shapes"),
    [
        ("vgg19", ("relu1_1", "relu3_1"), {"relu1_1": (64, 64, 64), "relu3_1": (256, 16, 16)}),
        ("vgg16", ("relu1_2", "relu3_3"), {"relu1_2": (64, 64, 64), "relu3_3": (256, 16, 16)}),
        ("resnet18", ("relu1", "block2_2"), {"relu1": (64, 32, 32), "block2_2": (128, 8, 8)}),
    ],
)
def test_loss_networks(untrained: dict[str, Path], name: str, layers: tuple[str, ...], shapes: dict[str, Any]) -> None:
    network = LossNetwork(layers, weights=untrained[name], name=name)
    x = torch.rand(2, 3, 64, 64, requires_grad=True)
    features = network(x)
    assert {layer: tuple(value.shape[1:]) for layer, value in features.items()} == shapes
    sum(value.square().mean() for value in features.values()).backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
    assert not any(p.requires_grad for p in network.parameters())


def test_resnet_is_torchvisions(untrained: dict[str, Path]) -> None:
    from torchvision.models import resnet18

    model = resnet18(weights=None).eval()
    model.load_state_dict(torch.load(untrained["resnet18"], weights_only=True), strict=False)
    network = LossNetwork(("block2_1",), weights=untrained["resnet18"], name="resnet18")
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        y = model.maxpool(model.relu(model.bn1(model.conv1((x - network.mean) / network.std))))
        assert torch.allclose(network(x)["block2_1"], model.layer2[0](model.layer1(y)), atol=1e-5)


def test_unknown_networks_and_layers_are_named(
    untrained: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="legal: vgg19, vgg16, resnet18"):
        LossNetwork(("relu1_1",), name="alexnet")
    with pytest.raises(UsageError, match="no layer 'relu3_4' in vgg16; legal: relu1_1"):
        LossNetwork(("relu3_4",), name="vgg16")
    with pytest.raises(WeightsError, match="not a VGG-16"):
        LossNetwork(("relu1_2",), weights=untrained["resnet18"], name="vgg16")
    with pytest.raises(WeightsError, match="RTSTYLE_RESNET18") as absent:
        LossNetwork(("relu1",), weights=tmp_path / "absent.pth", name="resnet18")
    assert absent.value.exit_code == 2
    (tmp_path / "text.pth").write_text("no weights\n")
    with pytest.raises(WeightsError, match=r"not a readable weights file .* ResNet-18 of torchvision's") as damaged:
        LossNetwork(("relu1",), weights=tmp_path / "text.pth", name="resnet18")
    assert "\n" not in str(damaged.value)
    for held in (torch.zeros(3), {"conv1.weight": 3}):
        torch.save(held, tmp_path / "other.pth")
        with pytest.raises(WeightsError, match="is not a ResNet-18 in torchvision's naming"):
            LossNetwork(("relu1",), weights=tmp_path / "other.pth", name="resnet18")
    monkeypatch.setenv("RTSTYLE_VGG16", str(untrained["vgg16"]))
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


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
def test_gram_matrices_are_exact_in_half_precision(precision: torch.dtype) -> None:
    features = (4 + torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))).to(precision)
    with torch.autocast("cpu", dtype=precision):
        found = gram_matrix(features)
    assert found.dtype is torch.float32
    flat = features.double().flatten(2)
    assert torch.allclose(found.double(), flat @ flat.transpose(1, 2) / flat.shape[2], rtol=1e-5)


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
        ({"style_weight": float("nan")}, "style_weight is nan; it must be a number, at least 0"),
        ({"vector_learning_rate": float("inf")}, "vector_learning_rate is inf"),
    ],
)
def test_recipes_say_what_is_legal(table: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Recipe.from_table(table)


def test_another_loss_network_brings_its_own_layers() -> None:
    given = {"painting": Path("a.png"), "content": None, "name": "a", "out": Path("a.safetensors"), "run_folder": Path("runs")}
    recipe = build_recipe(TrainRequest(**given, changes={"loss_network": "resnet18"}))
    assert tuple(recipe.style_layers) == BACKBONES["resnet18"].style_layers
    recipe = build_recipe(TrainRequest(**given, changes={"loss_network": "vgg16", "style_layers": "relu1_1,relu2_1:0.5"}))
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
