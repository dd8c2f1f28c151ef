"""The network with as few passes over memory as its convolutions leave: what a GPU, which waits for memory, needs.

Every tensor between two convolutions is written once, normed, with the border of the next convolution around it; whoever needs it
without the border looks inside. See :mod:`rtstyle.engines.kernels`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rtstyle.engines import kernels
from rtstyle.engines.folding import CellNetwork, FoldedUpsampledConv, fold_upsampling
from rtstyle.engines.kernels import Border
from rtstyle.nets import StyleNetwork
from rtstyle.nets.layers import ConvLayer, NormedConv, ResidualBlock
from rtstyle.nets.transformer import TransformerNet


class LeanNetwork(nn.Module):
    """A ``space_to_depth`` network between the pixel crossings: uint8 (N, H, W, 3) and styles (N, D) in, uint8 (N, H, W, 3) out.

    Raises :class:`NotImplementedError` for any other network.
    """

    def __init__(self, network: StyleNetwork, dtype: torch.dtype = torch.float16) -> None:
        """``network`` is changed in place, as by :class:`CellNetwork`."""
        super().__init__()
        if not (isinstance(network, TransformerNet) and network.config.in_cells):
            raise NotImplementedError(f"no kernels for the network {network.config}")
        self.multiple = network.multiple
        self.network = CellNetwork(cast(TransformerNet, fold_upsampling(network))).network
        self.dtype = dtype
        _fold_biases(self.network)
        # The last one is added where the pixels are written.
        self.bias = self.network.head.bias
        self.network.head.bias = None

    def forward(self, frames: Tensor, style: Tensor) -> Tensor:
        height, width = frames.shape[1:3]
        network, way = self.network, _Pass(style.float().contiguous())
        first, second = cast("list[NormedConv]", list(network.encoder))
        x = way.layer(first, kernels.cells(frames, self.multiple, self.dtype), "reflect")
        stem = _inside(x)
        x = way.layer(second, x, "reflect" if network.deep or network.blocks else "replicate")
        after_blocks: Border = "reflect" if network.blocks else "replicate"
        if network.deep is not None:
            y = way.layer(network.deep.down, x, "reflect")
            y = way.residuals(network.deep.blocks, y)
            x = way.layer(network.deep.up, y, after_blocks, other=_inside(x))
        x = way.residuals(network.blocks, x)
        (decoder,) = cast("list[NormedConv]", list(network.decoder))
        x = way.layer(decoder, x, "reflect", other=stem, by_photo=True)
        assert self.bias is not None
        return kernels.pixels(_convolved(network.head, x), self.bias, height, width)


@dataclass
class _Pass:
    """One forward pass: the styles (N, D), and how much of them the norms have taken."""

    style: Tensor
    offset: int = 0

    def layer(
        self, layer: NormedConv, x: Tensor, border: Border, *, other: Tensor | None = None, by_photo: bool = False
    ) -> Tensor:
        """Convolution, norm, ReLU where the layer has one, plus ``other``, with ``border`` around it."""
        raw, norm = _convolved(layer.conv, x), layer.norm
        affine = kernels.affine(raw, self.style, self.offset, norm.photo_gain, norm.photo_bias)
        self.offset += 2 * norm.channels
        return kernels.spread(raw, affine, self.style, relu=layer.relu, border=border, other=other, by_photo=by_photo)

    def residuals(self, blocks: nn.ModuleList, x: Tensor) -> Tensor:
        """The blocks in turn; what comes after them is doubled, which asks for a repeated border."""
        for number, block in enumerate(cast("list[ResidualBlock]", list(blocks)), 1):
            y = self.layer(block.first, x, "reflect")
            x = self.layer(block.second, y, "replicate" if number == len(blocks) else "reflect", other=_inside(x))
        return x


def _fold_biases(network: nn.Module) -> None:
    """Put each convolution's bias into the norm behind it: PyTorch would add it in a pass of its own over the memory.

    The norm takes it away with the mean; only what it lets through of the photo keeps it.
    """
    for layer in network.modules():
        if isinstance(layer, NormedConv) and layer.conv.bias is not None:
            norm = layer.norm
            norm.photo_bias = nn.Parameter((norm.photo_bias + norm.photo_gain * layer.conv.bias).detach(), requires_grad=False)
            layer.conv.bias = None


def _convolved(conv: ConvLayer | FoldedUpsampledConv, x: Tensor) -> Tensor:
    """NHWC in with the border, NHWC out without."""
    x = x.permute(0, 3, 1, 2)
    if isinstance(conv, FoldedUpsampledConv):
        y = F.conv_transpose2d(x, conv.weight, conv.bias, stride=2, padding=3)
    else:
        y = F.conv2d(x, conv.weight, conv.bias, conv.stride, groups=conv.groups)
    return y.permute(0, 2, 3, 1).contiguous()


def _inside(x: Tensor) -> Tensor:
    return x[:, 1:-1, 1:-1]
