"""The networks that rtstyle is measured against keep the contract of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rtstyle.errors import UsageError, WeightsError
from rtstyle.nets import ARCHITECTURES, StyleNetwork, build_network, network_config, network_table
from rtstyle.perceptual.backbones import build_backbone
from rtstyle.styles import StyleBank
from rtstyle.stylizer import Stylizer
from rtstyle.training.groups import parameter_groups
from rtstyle.training.model import StyleTable
from rtstyle.training.recipe import Recipe

SMALL: dict[str, dict[str, Any]] = {
    "transformer": {"width": 4, "blocks": 1, "deep_blocks": 1},
    "johnson": {"width": 4, "blocks": 1},
    "aonet": {"branch_width": 4, "width": 16, "groups": 2, "blocks": 1},
    "vgg_decoder": {},
    "texture": {"scales": 3, "width": 4},
}


def small(arch: str, **settings: Any) -> StyleNetwork:
    torch.manual_seed(0)
    return build_network({"arch": arch, **SMALL[arch], **settings})


def test_every_architecture_is_tested() -> None:
    assert set(SMALL) == set(ARCHITECTURES)


@pytest.mark.parametrize("arch", SMALL)
def test_forward_keeps_size_and_range(arch: str) -> None:
    network = small(arch).eval()
    height, width = 3 * network.multiple + (16 if network.multiple < 16 else 0), 5 * network.multiple
    x = torch.rand(2, 3, height, width)
    with torch.no_grad():
        # Far louder than any trained style: the bound has to hold all the same.
        painted = network(x, 30 * network.neutral_style())
    assert painted.shape == x.shape
    assert 0 <= painted.min() <= painted.max() <= 1


@pytest.mark.parametrize("arch", SMALL)
def test_gradients_reach_everything_trainable(arch: str) -> None:
    network = small(arch)
    style = network.neutral_style().requires_grad_()
    network(torch.rand(1, 3, 32, 48), style).square().mean().backward()
    unreached = [name for name, p in network.named_parameters() if p.requires_grad and p.grad is None]
    assert not unreached
    assert style.grad is not None
    # Scales and shifts of early and late norms alike.
    assert style.grad[:4].abs().sum() > 0
    assert style.grad[-8:-2].abs().sum() > 0


@pytest.mark.parametrize("arch", SMALL)
def test_one_style_each_is_what_one_by_one_gives(arch: str) -> None:
    network = small(arch).eval()
    x = torch.rand(2, 3, 32, 32)
    styles = torch.stack((network.neutral_style(), 0.5 * network.neutral_style()))
    with torch.no_grad():
        together = network(x, styles)
        alone = torch.cat([network(x[i : i + 1], styles[i]) for i in range(2)])
    assert torch.allclose(together, alone, atol=1e-4)
    assert not torch.allclose(together[0], network(x[:1], styles[1])[0], atol=1e-3)


@pytest.mark.parametrize("arch", SMALL)
def test_features_and_decode_are_forward(arch: str) -> None:
    network = small(arch).eval()
    x, style = torch.rand(1, 3, 32, 32), network.neutral_style()
    with torch.no_grad():
        features, reader = network.features(x, style)
        assert features.dim() == 4
        assert torch.equal(network.decode(features, reader), network(x, style))


@pytest.mark.parametrize("arch", SMALL)
def test_a_table_rebuilds_the_network(arch: str) -> None:
    network = small(arch)
    again = build_network(network_table(network))
    again.load_state_dict(network.state_dict())
    assert again.config == network.config
    assert again.style_size == network.style_size == len(network.neutral_style())


def parameters(network: StyleNetwork) -> int:
    """Convolutions, and the scales and shifts that live in the style vector; without the way past the norms."""
    extra = 2 if network.arch == "texture" else 1
    convolutions = sum(p.numel() for name, p in network.named_parameters() if ".photo_" not in name)
    return convolutions + network.style_size - extra


def test_published_sizes() -> None:
    # Johnson et al.'s network with instance norm, counted in several public ports.
    assert parameters(build_network({"arch": "johnson"})) == 1_679_235
    assert parameters(build_network({"arch": "johnson", "upsampling": "transposed"})) == 1_679_235
    assert parameters(build_network({"arch": "aonet"})) < 400_000
    assert parameters(build_network({"arch": "texture"})) < 100_000


@pytest.mark.parametrize("upsampling", ["nearest", "transposed"])
@pytest.mark.parametrize("output", ["sigmoid", "tanh", "clamp"])
def test_johnson_variants(upsampling: str, output: str) -> None:
    network = small("johnson", upsampling=upsampling, output=output)
    x = torch.rand(1, 3, 20, 28)
    painted = network(x, network.neutral_style())
    assert painted.shape == x.shape
    assert 0 <= painted.min() <= painted.max() <= 1
    assert painted.std() > 0


@pytest.mark.parametrize("arch", SMALL)
def test_no_convolution_whose_gradient_corrupts_memory(arch: str) -> None:
    """oneDNN's weight gradient of strided 1x1 convolutions writes past its workspace (oneDNN#6035)."""
    convolutions = [module for module in small(arch).modules() if isinstance(module, torch.nn.Conv2d)]
    assert all(c.stride == (1, 1) for c in convolutions if c.kernel_size == (1, 1))


def test_the_encoders_first_layers_stay_frozen() -> None:
    network = small("vgg_decoder").requires_grad_(True)
    assert not any(p.requires_grad for p in network.frozen.parameters())
    assert all(p.requires_grad for p in network.fifth.parameters())
    # 20 layers, as in VGG-16: conv1_1 to conv4_2, three pools among them.
    assert len(network.frozen) == 20
    assert sum(isinstance(layer, torch.nn.MaxPool2d) for layer in network.modules()) == 3


def test_the_encoder_is_read_from_a_file(tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = small("vgg_decoder")
    file = tmp_path / "vgg16.pth"
    donor = build_backbone("vgg16", 30)
    torch.save({f"features.{key}": value for key, value in donor.state_dict().items()}, file)
    network.load_pretrained("vgg16", file)
    assert torch.equal(network.frozen.state_dict()["17.weight"], donor.state_dict()["17.weight"])
    assert torch.equal(network.fifth.state_dict()["28.weight"], donor.state_dict()["28.weight"])
    with pytest.raises(WeightsError, match="VGG-19"):
        small("vgg_decoder", encoder="vgg19").load_pretrained("vgg19", file)


def test_noise_departs_from_the_photo_by_its_loudness() -> None:
    network = small("texture").eval()
    x, style = torch.rand(1, 3, 32, 32), network.neutral_style()
    with torch.no_grad():
        plain, quiet, loud = (network(x, network.with_noise(style, amount)) for amount in (0.0, 0.3, 3.0))
        again = network(x, network.with_noise(style, 3.0))
    assert torch.equal(loud, again)
    assert 0 < (quiet - plain).abs().mean() < (loud - plain).abs().mean()


def test_noise_is_not_learned_away() -> None:
    network = small("texture")
    style = network.neutral_style().requires_grad_()
    network(torch.rand(1, 3, 32, 32), style).square().mean().backward()
    assert style.grad is not None
    assert style.grad[-2] == 0


def test_noise_moves_in_training_and_is_absent_elsewhere() -> None:
    network = small("texture").train()
    x, style = torch.rand(1, 3, 32, 32), network.neutral_style()
    with torch.no_grad():
        first = network(x, style)
        assert torch.equal(network(x, style), first)
        network.begin_step(1)
        assert not torch.equal(network(x, style), first)
    other = small("johnson")
    with pytest.raises(UsageError, match="only texture"):
        other.with_noise(other.neutral_style(), 1.0)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"arch": "resnet"}, "unknown network 'resnet'; legal: transformer, johnson"),
        ({"arch": "johnson", "depth": 3}, "has no setting 'depth'; legal: width"),
        ({"arch": "johnson", "output": "relu"}, "legal: sigmoid, tanh, clamp"),
        ({"arch": "johnson", "upsampling": "magic"}, "legal: nearest, transposed"),
        ({"arch": "aonet", "width": 100}, "multiple of 8"),
        ({"arch": "vgg_decoder", "encoder": "vgg11"}, "legal: vgg16, vgg19"),
        ({"arch": "texture", "scales": 0}, "scales must be 1 to 8"),
    ],
)
def test_unfit_tables_are_named(table: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        build_network(table)


def test_names_with_a_dash_and_without_a_name() -> None:
    assert network_config({"arch": "vgg-decoder"}) == network_config({"arch": "vgg_decoder"})
    assert build_network({}).arch == "transformer"


def test_the_noise_of_a_bank_is_turned_up() -> None:
    network = small("texture")
    bank = StyleBank(network, {"wave": network.neutral_style()}, tier="live")
    stylizer = Stylizer(bank, "wave")
    photo = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    before = stylizer.paint_one(photo)
    bank.set_noise(4.0)
    assert not np.array_equal(stylizer.paint_one(photo), before)
    bank.set_noise(0.25)
    assert np.array_equal(stylizer.paint_one(photo), before)


def test_what_is_borrowed_learns_slowly() -> None:
    network = small("vgg_decoder")
    recipe, table = Recipe(learning_rate=1e-2), StyleTable(network.neutral_style()[None])
    groups, _ = parameter_groups(recipe, network, table, freeze_network=False)
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    optimizer = torch.optim.Adam(groups)
    network(torch.rand(1, 3, 32, 48), network.neutral_style()).square().mean().backward()
    optimizer.step()
    moved = {name: float((p.detach() - before[name]).abs().max()) for name, p in network.named_parameters()}
    assert all(moved[name] == 0 for name in moved if name.startswith("frozen"))
    assert all(0 < moved[name] < 1e-3 for name in moved if name.startswith(("fourth.", "fifth.")))
    assert all(moved[name] > 1e-3 for name in moved if name.startswith("decoder") and name.endswith("conv.weight"))
