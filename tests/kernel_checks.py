"""The GPU's kernels run on the CPU, by Triton's interpreter: they paint what the plain network paints.

Triton decides when it is imported whether it interprets, so these tests are a process of their own: see test_kernels.py.
"""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from rtstyle.engines import EagerEngine, kernels
from rtstyle.engines.lean import LeanNetwork
from rtstyle.nets.transformer import NetConfig, TransformerNet
from rtstyle.pixels import to_cells


def frames(height: int, width: int) -> Tensor:
    soft = F.interpolate(torch.rand(2, 3, 6, 7), size=(height, width), mode="bicubic").clamp(0, 1)
    return (soft * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


@pytest.mark.parametrize(
    ("config", "size"),
    [
        (NetConfig(width=4, blocks=1, deep_blocks=1), (48, 72)),
        (NetConfig(width=6, blocks=0, deep_blocks=1), (45, 61)),
        (NetConfig(width=4, blocks=2, deep_blocks=0), (16, 24)),
        (NetConfig(width=2, blocks=0, deep_blocks=0), (107, 61)),
    ],
)
def test_the_lean_network_paints_as_the_plain_one_does(config: NetConfig, size: tuple[int, int]) -> None:
    """Sides that are no multiple, channels that are no power of two, another style and strength for each frame."""
    network = TransformerNet(config).eval()
    for parameter in network.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    styles = network.neutral_style() + 0.3 * torch.randn(2, network.style_size)
    styles[:, -1] = torch.tensor([1.0, 0.6])
    batch = frames(*size)
    expected = EagerEngine(network, torch.device("cpu"))(batch, styles)
    module = LeanNetwork(copy.deepcopy(network), torch.float32).to(memory_format=torch.channels_last)
    with torch.no_grad():
        painted = module(batch, styles)
    assert (painted.int() - expected.int()).abs().max() <= 1


def test_in_half_precision_it_stays_close() -> None:
    network = TransformerNet(NetConfig(width=4, blocks=1, deep_blocks=1)).eval()
    style, batch = network.neutral_style(), frames(32, 40)
    expected = EagerEngine(network, torch.device("cpu"))(batch, style)
    module = LeanNetwork(copy.deepcopy(network)).half().to(memory_format=torch.channels_last)
    with torch.no_grad():
        error = (module(batch, style.expand(2, -1)).double() - expected).square().mean()
    assert 10 * torch.log10(255**2 / error) >= 40


def test_statistics_are_exact_far_from_zero_in_half_precision() -> None:
    x = (100 + torch.randn(2, 40, 50, 24)).half()
    style = torch.zeros(2, 49)
    style[:, :24], style[:, -1] = 1.0, 1.0
    gain, bias = kernels.affine(x, style, 0, torch.zeros(24), torch.zeros(24)).unbind(1)
    variance, mean = torch.var_mean(x.double(), dim=(1, 2), correction=0)
    assert torch.allclose(gain.double(), torch.rsqrt(variance + 1e-5), rtol=1e-5)
    assert torch.allclose(bias.double(), -gain.double() * mean, rtol=1e-5)


def test_bytes_come_as_cells_and_go_as_pixels() -> None:
    batch = frames(32, 48)
    cells = torch.empty(2, 18, 26, 12, dtype=torch.uint8)
    to_cells(batch.numpy(), cells.numpy())
    sent = kernels.cells(batch, 8, torch.float32)
    assert torch.allclose(sent, cells.float() / 255)
    bias = torch.randn(12)
    back = kernels.pixels((torch.logit(sent[:, 1:-1, 1:-1].clamp(1e-4, 1 - 1e-4)) - bias).contiguous(), bias, 31, 47)
    assert torch.equal(back, batch[:, :31, :47])


def test_other_networks_are_left_to_other_engines() -> None:
    with pytest.raises(NotImplementedError, match="no kernels"):
        LeanNetwork(TransformerNet(NetConfig(stem="conv", width=2)))
