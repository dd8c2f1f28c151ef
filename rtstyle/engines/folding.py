"""Equivalent networks that cost less to run; training keeps the plain form."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rtstyle.nets import StyleNetwork
from rtstyle.nets.layers import ConvLayer, UpsampledConv
from rtstyle.nets.transformer import TransformerNet
from rtstyle.pixels import to_float, to_uint8


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


class CellNetwork(nn.Module):
    """A network with a space-to-depth stem between the pixel crossings, for an engine that cuts pictures into cells itself.

    Takes uint8 cells (N, H / 2 + 2, W / 2 + 2, 12) as :func:`rtstyle.pixels.to_cells` writes them and styles (N, D); gives
    uint8 cells (N, H / 2, W / 2, 12). Cutting bytes beforehand costs a tenth of what shuffling floats inside the graph costs.
    """

    def __init__(self, network: TransformerNet) -> None:
        """``network`` is changed in place: its first and last layer are put in the order of a cell's bytes."""
        super().__init__()
        # Torch counts a cell's channels by colour, row and column.
        order = torch.arange(12).view(3, 2, 2).permute(1, 2, 0).flatten()
        first, head = network.encoder[0].conv, network.head
        assert isinstance(first, ConvLayer)
        first.reflect = 0
        first.weight = nn.Parameter(first.weight.detach()[:, order], requires_grad=False)
        head.weight = nn.Parameter(head.weight.detach()[order], requires_grad=False)
        assert head.bias is not None
        head.bias = nn.Parameter(head.bias.detach()[order], requires_grad=False)
        self.network = network

    def forward(self, cells: Tensor, style: Tensor) -> Tensor:
        return to_uint8(torch.sigmoid(self.network.compose(*self.network.encode(to_float(cells), style))))
