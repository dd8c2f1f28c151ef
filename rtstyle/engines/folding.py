"""Equivalent networks that cost less to run; training keeps the plain form."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rtstyle.nets import StyleNetwork
from rtstyle.nets.layers import UpsampledConv


class FoldedUpsampledConv(nn.Module):
    """Doubling and 3x3 convolution as one transposed 4x4 convolution: 16 products a pixel and channel pair where 36 were.

    Of the nine taps on a doubled picture at most four meet different pixels of the small one, so their weights can be
    summed beforehand. At the border, reflecting the doubled picture by one pixel repeats the small one's edge.
    """

    def __init__(self, layer: UpsampledConv) -> None:
        super().__init__()
        # Row 2i of the result sees small rows i-1, i, i of the kernel's three; row 2i+1 sees i, i, i+1.
        taps = torch.tensor([[[1.0, 0, 0], [0, 1, 1]], [[1, 1, 0], [0, 0, 1]]])
        phases = torch.einsum("oiyx,aty,bux->abtuio", layer.weight.detach().float(), taps, taps)
        kernel = torch.zeros(layer.in_channels, layer.out_channels, 4, 4)
        for a, b, t, u in torch.cartesian_prod(*[torch.arange(2)] * 4).tolist():
            kernel[:, :, 3 - a - 2 * t, 3 - b - 2 * u] = phases[a, b, t, u]
        self.weight = nn.Parameter(kernel, requires_grad=False)
        self.bias = layer.bias

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, O, 2 * H, 2 * W)."""
        return F.conv_transpose2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), self.weight, self.bias, stride=2, padding=3)


def fold_upsampling(network: StyleNetwork) -> StyleNetwork:
    """Replace, in place, every 3x3 :class:`UpsampledConv` by its folded equivalent; returns the network."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, UpsampledConv) and child.kernel_size == (3, 3) and child.groups == 1:
                setattr(module, name, FoldedUpsampledConv(child))
    return network
