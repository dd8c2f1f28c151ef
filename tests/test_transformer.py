"""The style network: shapes, statistics, the style vector and its zero."""

from __future__ import annotations

import pytest
import torch

from rtstyle.nets.layers import ConditionalInstanceNorm
from rtstyle.nets.transformer import NetConfig, TransformerNet

LIVE = NetConfig(width=4, blocks=1, deep_blocks=1)
STUDIO = NetConfig(stem="conv", width=4, blocks=2, deep_blocks=0)


@pytest.mark.parametrize("config", [LIVE, STUDIO], ids=["live", "studio"])
@pytest.mark.parametrize(("height", "width"), [(16, 16), (40, 24)])
def test_same_size_out_and_bounded(config: NetConfig, height: int, width: int) -> None:
    network = TransformerNet(config)
    out = network(torch.rand(2, 3, height, width), network.neutral_style() * 5)
    assert out.shape == (2, 3, height, width)
    assert out.min() >= 0
    assert out.max() <= 1


@pytest.mark.parametrize("config", [LIVE, STUDIO], ids=["live", "studio"])
def test_style_vector_covers_every_norm_and_each_picture_has_its_own(config: NetConfig) -> None:
    network = TransformerNet(config).eval()
    assert network.neutral_style().shape == (network.style_size,)
    assert network.style_size == 2 * sum(norm.channels for norm in network.norms()) + 1
    x = torch.rand(1, 3, 32, 32).expand(2, -1, -1, -1)
    styles = torch.stack((network.neutral_style(), network.neutral_style() * 0.5))
    both = network(x, styles)
    assert torch.allclose(both[0], network(x[:1], styles[0])[0], atol=1e-5)
    assert torch.allclose(both[1], network(x[:1], styles[1])[0], atol=1e-5)
    assert not torch.allclose(both[0], both[1], atol=1e-3)


def test_published_parameter_count_of_johnsons_shape() -> None:
    network = TransformerNet(NetConfig(stem="conv", width=32, blocks=5, deep_blocks=0))
    # As pytorch/examples' network: the gains and biases for the photo are as many as its norms' scales and shifts.
    assert sum(p.numel() for p in network.parameters()) == 1_679_235


def test_norm_is_instance_norm_at_full_mix_and_nothing_at_zero() -> None:
    norm = ConditionalInstanceNorm(6)
    x = torch.randn(2, 6, 9, 7) * 3 + 5
    scale, shift = torch.rand(2, 6) + 0.5, torch.randn(2, 6)
    wanted = torch.nn.functional.instance_norm(x) * scale[:, :, None, None] + shift[:, :, None, None]
    assert torch.allclose(norm(x, scale, shift, torch.ones(2, 1)), wanted, atol=1e-4)
    nothing = torch.zeros(2, 6)
    assert torch.allclose(norm(x, nothing, nothing, torch.zeros(2, 1)), x, atol=1e-5)


def test_norm_keeps_channels_last_and_float32_statistics() -> None:
    norm = ConditionalInstanceNorm(8)
    # 3000 squared overflows float16: statistics in the input's dtype would give inf.
    x = (torch.randn(1, 8, 16, 16) * 10 + 3000).half().contiguous(memory_format=torch.channels_last)
    out = norm(x, torch.ones(1, 8), torch.zeros(1, 8), torch.ones(1, 1))
    assert out.dtype is torch.float16
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert torch.isfinite(out).all()


def test_network_keeps_channels_last() -> None:
    network = TransformerNet(LIVE).to(memory_format=torch.channels_last)
    seen: list[bool] = []
    for norm in network.norms():
        norm.register_forward_hook(lambda _m, args, out: seen.append(out.is_contiguous(memory_format=torch.channels_last)))
    network(torch.rand(1, 3, 64, 64).contiguous(memory_format=torch.channels_last), network.neutral_style())
    assert seen
    assert all(seen)


@pytest.mark.parametrize("values", [{"width": 0}, {"blocks": -1}, {"stem": "cone"}])
def test_unfit_config_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message names the field, which differs
        NetConfig(**values)  # type: ignore[arg-type]
