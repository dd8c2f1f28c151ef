"""Building blocks of the style networks.

Shapes use N (batch), C (channels), H (height), W (width).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPSILON = 1e-5


class ConvLayer(nn.Conv2d):
    """Same-size (or strided) convolution with reflection padding, which leaves no frame at the border."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, *, stride: int = 1, groups: int = 1, bias: bool = True
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride=stride, groups=groups, bias=bias)
        self.reflect = kernel_size // 2

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, O, H / stride, W / stride)."""
        if self.reflect:
            r = self.reflect
            input = F.pad(input, (r, r, r, r), mode="reflect")
        return super().forward(input)


class UpsampledConv(ConvLayer):
    """Nearest-neighbour doubling, then a convolution: no checkerboard (Odena et al. 2016, distill.pub/2016/deconv-checkerboard).

    A class of its own so that an engine can put a cheaper equivalent in its place.
    """

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, O, 2 * H, 2 * W)."""
        return super().forward(F.interpolate(input, scale_factor=2, mode="nearest"))


class ConditionalInstanceNorm(nn.Module):
    """Instance norm whose scale and shift come from outside (Dumoulin et al. 2017, eq. 5, arXiv 1610.07629).

    With per-channel mean ``mu`` and deviation ``sigma`` of each picture,

    ``y = scale * (x - mu) / sigma + shift + (1 - mix) * (photo_gain * x + photo_bias)``

    ``mix = 1`` is Dumoulin's norm. It throws away each channel's mean and contrast, so no scale and shift give the picture
    back; the last term, whose gain and bias are learned with the network, lets them through. Scaling
    ``(scale, shift, mix)`` together by a strength ``s`` walks in a straight line from it (``s = 0``) to the full style
    (``s = 1``), so the zero style vector is the untouched picture. Statistics are float32 whatever the dtype of ``x``; the
    memory format of ``x`` is kept (torch's own ``InstanceNorm2d`` does neither: pytorch#72341).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.photo_gain = nn.Parameter(torch.ones(channels))
        self.photo_bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, scale: Tensor, shift: Tensor, mix: Tensor) -> Tensor:
        """``x`` (N, C, H, W); ``scale`` and ``shift`` (N, C); ``mix`` (N, 1). Returns (N, C, H, W) in x's dtype."""
        gain, bias = self.affine(*self.statistics(x), scale, shift, mix)
        return x * gain[:, :, None, None].to(x.dtype) + bias[:, :, None, None].to(x.dtype)

    def affine(self, mean: Tensor, var: Tensor, scale: Tensor, shift: Tensor, mix: Tensor) -> tuple[Tensor, Tensor]:
        """Gain and bias, (N, C) float32 each, with which the whole norm is ``gain * x + bias``."""
        gain = scale.float() * torch.rsqrt(var + EPSILON)
        bias = shift.float() - gain * mean
        photo = 1.0 - mix.float()
        return gain + photo * self.photo_gain.float(), bias + photo * self.photo_bias.float()

    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and biased variance over the pixels, (N, C) float32 each."""
        x = x.float()
        mean = x.mean(dim=(2, 3))
        var = (x - mean[:, :, None, None]).square().mean(dim=(2, 3))
        return mean, var


class StyleReader:
    """Hands each norm its part of the style vector, in layer order."""

    def __init__(self, style: Tensor, batch: int) -> None:
        """``style``: (D,) for all pictures of the batch, or (N, D), one each."""
        self.style = style.expand(batch, -1) if style.dim() == 1 else style
        self.mix = self.style[:, -1:]
        self.stem: Tensor | None = None
        """The first layer's output, for networks that let it past their bottleneck at low strength."""
        self.offset = 0

    def take(self, channels: int) -> tuple[Tensor, Tensor, Tensor]:
        """Scale and shift (N, channels) of the next norm, and the mix (N, 1) that all norms share."""
        at, self.offset = self.offset, self.offset + 2 * channels
        return self.style[:, at : at + channels], self.style[:, at + channels : self.offset], self.mix


class NormedConv(nn.Module):
    """Convolution (at twice the size, if told so), conditional instance norm and, unless told otherwise, ReLU."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        groups: int = 1,
        upsample: bool = False,
        relu: bool = True,
    ) -> None:
        super().__init__()
        layer = UpsampledConv if upsample else ConvLayer
        # The norm takes the mean away at full strength, but at lower strengths a bias still counts.
        self.conv = layer(in_channels, out_channels, kernel_size, stride=stride, groups=groups)
        self.norm = ConditionalInstanceNorm(out_channels)
        self.relu = relu

    def forward(self, x: Tensor, style: StyleReader) -> Tensor:
        """(N, C, H, W) -> (N, O, H / stride, W / stride), or twice the size with ``upsample``."""
        x = self.norm(self.conv(x), *style.take(self.norm.channels))
        return F.relu(x) if self.relu else x


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a skip, no ReLU after the sum (Gross & Wilber 2016, as in Johnson et al.)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = NormedConv(channels, channels, 3)
        self.second = NormedConv(channels, channels, 3, relu=False)

    def forward(self, x: Tensor, style: StyleReader) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        return x + self.second(self.first(x, style), style)
