"""A widened network paints as the narrow one, and learns what the narrow one could not."""

from __future__ import annotations

import pytest
import torch

from rtstyle.errors import UsageError
from rtstyle.nets.transformer import NetConfig, TransformerNet
from rtstyle.training.widen import widen


@pytest.fixture
def narrow() -> tuple[TransformerNet, torch.Tensor]:
    torch.manual_seed(0)
    network = TransformerNet(NetConfig(width=4, blocks=1, deep_blocks=1)).eval()
    vectors = network.neutral_style().repeat(2, 1)
    vectors[:, :-1] += 0.3 * torch.randn_like(vectors[:, :-1])
    for norm in network.norms():
        torch.nn.init.normal_(norm.photo_gain)
        torch.nn.init.normal_(norm.photo_bias)
    return network, vectors


@pytest.mark.parametrize(("strength", "width"), [(0.0, 8), (0.5, 8), (1.0, 8), (0.7, 16)])
def test_the_wide_network_paints_as_the_narrow_one(
    narrow: tuple[TransformerNet, torch.Tensor], strength: float, width: int
) -> None:
    network, vectors = narrow
    wide, wide_vectors = widen(network, vectors, NetConfig(width=width, blocks=1, deep_blocks=1))
    assert wide.config.width == width
    photos = torch.rand(2, 3, 48, 64)
    with torch.inference_mode():
        torch.testing.assert_close(wide(photos, strength * wide_vectors), network(photos, strength * vectors), rtol=0, atol=2e-5)


def test_training_takes_the_copies_apart(narrow: tuple[TransformerNet, torch.Tensor]) -> None:
    network, vectors = narrow
    wide, wide_vectors = widen(network, vectors, NetConfig(width=8, blocks=1, deep_blocks=1))
    wide(torch.rand(2, 3, 48, 64), wide_vectors).square().mean().backward()
    gradient = wide.blocks[0].first.conv.weight.grad
    assert gradient is not None
    first, second = gradient.chunk(2, dim=0)
    assert not torch.allclose(first, second, rtol=1e-3, atol=0)


@pytest.mark.parametrize("config", [NetConfig(width=12, blocks=1, deep_blocks=1), NetConfig(width=8, blocks=2, deep_blocks=1)])
def test_another_shape_is_refused(narrow: tuple[TransformerNet, torch.Tensor], config: NetConfig) -> None:
    with pytest.raises(UsageError, match="times its width"):
        widen(*narrow, config)
