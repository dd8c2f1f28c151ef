"""Pictures too large to be painted in one piece: the same painting, strip by strip, in bounded memory.

An instance norm needs the statistics of the whole picture, so tiles painted one by one never match. Here every layer runs
over the whole picture before the next begins: a convolution reads strips of rows with the rows around them, writes
what it computes as float16, and gathers the exact mean and variance that the norm after it needs. The norm itself is
applied when the next layer reads. The result differs from a painting in one piece only by the float16 rounding.
"""

from __future__ import annotations

import copy
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from rtstyle.errors import RTStyleError
from rtstyle.nets import StyleNetwork
from rtstyle.nets.layers import ConvLayer, NormedConv, ResidualBlock, StyleReader, UpsampledConv
from rtstyle.nets.transformer import TransformerNet
from rtstyle.pixels import Pixels, pad_pixels, to_float, to_uint8

BYTES_IN_ONE_PIECE = 1_500_000_000
"""What one picture's painting may take on a CPU before it is painted in strips."""
SHARE_IN_ONE_PIECE = 0.6
"""The same on a GPU, as a share of its free memory."""
MOST_VALUES = 2**31
"""Numbers of a tensor that some of PyTorch's GPU kernels can count; the widest has ``width`` for each pixel."""
COPIES = 8
"""Arrays the size of the widest layer that are alive at once in a painting in one piece: measured with eager, float32."""
STRIP_VALUES = 8_000_000
"""Numbers in one strip of a layer's input; 32 MB as float32."""
RAM_VALUES = 500_000_000
"""Numbers of a layer's output kept in memory; larger ones go to a temporary file."""


def needs_strips(network: StyleNetwork, height: int, width: int, device: torch.device) -> bool:
    """Whether a picture should be painted by :func:`paint_large`; other networks than ours cannot."""
    if not isinstance(network, TransformerNet):
        return False
    limit = BYTES_IN_ONE_PIECE
    if device.type == "cuda":
        if height * width * network.config.width >= MOST_VALUES:
            return True
        limit = SHARE_IN_ONE_PIECE * _free_bytes(device)
    return height * width * _bytes_per_pixel(network) > limit


def _free_bytes(device: torch.device) -> int:
    """Of a GPU: also what PyTorch holds without using it, which the driver counts as taken."""
    held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + held


def _bytes_per_pixel(network: TransformerNet) -> int:
    widest = network.config.width if network.config.stem == "conv" else network.config.width / 2
    return round(4 * COPIES * max(3.0, widest))


@torch.inference_mode()
def paint_large(
    network: TransformerNet, picture: Pixels, style: Tensor, device: torch.device | None = None, *, into: Pixels | None = None
) -> Pixels:
    """Paint one uint8 (H, W, 3) picture in the style (D,), ``into`` an array of its shape if there is one.

    The network's features are kept as float16, in the temporary folder where memory would be too small for them. Raises
    :class:`RTStyleError` where that is too full.
    """
    painted = np.empty_like(picture) if into is None else into
    device = device or torch.device("cpu")
    network = copy.deepcopy(network).float().eval().to(device)
    with ExitStack() as files:
        _Strips(network, style.to(device), device, files).paint(picture, painted)
    return painted


class _Features:
    """A layer's output (C, H, W) as float16, and the norm and ReLU that are still to be applied to it."""

    def __init__(self, channels: int, height: int, width: int, device: torch.device, files: ExitStack) -> None:
        self.height, self.width, self.device = height, width, device
        shape = (height, channels, width)
        if channels * height * width <= RAM_VALUES:
            self.data = torch.empty(shape, dtype=torch.float16)
        else:
            folder = files.enter_context(tempfile.TemporaryDirectory(prefix="rtstyle-", ignore_cleanup_errors=True))
            file = Path(folder) / "features"
            _reserve(file, 2 * channels * height * width)
            self.data = torch.from_numpy(np.memmap(file, dtype=np.float16, mode="r+", shape=shape))
        self.gain: Tensor | None = None
        self.bias: Tensor | None = None
        self.relu = False

    def rows(self, indices: list[int]) -> Tensor:
        """Float32 (1, C, len(indices), W), normed."""
        first, last = indices[0], indices[-1]
        straight = last - first + 1 == len(indices) and indices == list(range(first, last + 1))
        taken = self.data[first : last + 1] if straight else self.data[indices]
        x = taken.to(self.device).float().permute(1, 0, 2)[None]
        if self.gain is not None and self.bias is not None:
            x = x * self.gain[:, :, None, None] + self.bias[:, :, None, None]
        return F.relu(x) if self.relu else x

    def put(self, top: int, x: Tensor) -> None:
        """Store (1, C, h, W) from row ``top`` on."""
        self.data[top : top + x.shape[2]] = x[0].permute(1, 0, 2).to("cpu", torch.float16)


def _reserve(path: Path, size: int) -> None:
    """Make a file of ``size`` bytes that are really there; raises :class:`RTStyleError` where the disk is too full.

    Where a file has holes, a full disk ends the program by a signal, in the middle of the painting.
    """
    try:
        with path.open("wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            file.truncate(size)
    except OSError as error:
        raise RTStyleError(
            f"no room for {size / 1e9:.1f} GB in {tempfile.gettempdir()} ({error.strerror}), which a picture of this size needs; "
            "name another folder in $TMPDIR"
        ) from error


class _Moments:
    """Mean and variance of strips, merged as in Chan et al. 1983 (doi 10.1080/00031305.1983.10483115), in float64."""

    def __init__(self) -> None:
        self.count = 0
        self.mean: Tensor = torch.zeros(1, dtype=torch.float64)
        self.squares: Tensor = torch.zeros(1, dtype=torch.float64)

    def add(self, x: Tensor) -> None:
        """Take in (1, C, h, W)."""
        count = x.shape[2] * x.shape[3]
        var, mean = torch.var_mean(x, dim=(2, 3), correction=0)
        mean, squares = mean.cpu().double(), var.cpu().double() * count  # not every device knows float64
        shift = mean - self.mean
        total = self.count + count
        self.squares = self.squares + squares + shift.square() * (self.count * count / total)
        self.mean = self.mean + shift * (count / total)
        self.count = total

    def result(self) -> tuple[Tensor, Tensor]:
        return self.mean.float(), (self.squares / self.count).float()


class _Strips:
    """One painting: the network's forward pass, layer after layer."""

    def __init__(self, network: TransformerNet, style: Tensor, device: torch.device, files: ExitStack) -> None:
        self.network = network
        self.device = device
        self.files = files
        self.reader = StyleReader(style, 1)

    def paint(self, picture: Pixels, painted: Pixels) -> None:
        height, width = picture.shape[:2]
        network = self.network
        first, *encoder = cast("list[NormedConv]", list(network.encoder))
        x = self.normed(first, _Picture(pad_pixels(picture, network.multiple), network.config.stem, self.device))
        photo = 1.0 - float(self.reader.mix)
        stem = x if photo else None  # at full strength it counts for nothing, and it is large
        for layer in encoder:
            x = self.normed(layer, x)
        if network.deep is not None:
            y = self.normed(network.deep.down, x)
            for block in network.deep.blocks:
                self.residual(cast(ResidualBlock, block), y)
            self.add(x, self.normed(network.deep.up, y))
            del y
        for block in network.blocks:
            self.residual(cast(ResidualBlock, block), x)
        for layer in network.decoder:
            x = self.normed(cast(NormedConv, layer), x)
        if stem is not None:
            self.add(x, stem, weight=photo)
        unit = 2 if network.config.stem == "space_to_depth" else 1
        for top, strip in self.strips(network.head, x):
            whole = to_uint8(network.finish(strip))[0, :, :width].cpu().numpy()
            painted[unit * top : unit * top + len(whole)] = whole[: max(0, height - unit * top)]

    def normed(self, layer: NormedConv, x: _Features | _Picture) -> _Features:
        """Convolve, and leave norm and ReLU to whoever reads the result."""
        conv, moments = layer.conv, _Moments()
        height, width = _output_size(conv, x)
        result = _Features(conv.out_channels, height, width, self.device, self.files)
        for top, strip in self.strips(conv, x):
            moments.add(strip)
            result.put(top, strip)
        mean, var = (it.to(self.device) for it in moments.result())
        result.gain, result.bias = layer.norm.affine(mean, var, *self.reader.take(layer.norm.channels))
        result.relu = layer.relu
        return result

    def residual(self, block: ResidualBlock, x: _Features) -> None:
        self.add(x, self.normed(block.second, self.normed(block.first, x)))

    def add(self, x: _Features, other: _Features, *, weight: float = 1.0) -> None:
        """``x += weight * other``; x holds plain numbers afterwards."""
        step = _strip_height(x.data.shape[1], x.width)
        for top in range(0, x.height, step):
            rows = list(range(top, min(top + step, x.height)))
            x.put(top, x.rows(rows) + weight * other.rows(rows))
        x.gain, x.bias, x.relu = None, None, False

    def strips(self, conv: ConvLayer, x: _Features | _Picture) -> Iterator[tuple[int, Tensor]]:
        """The convolution's output in strips: the index of the first row, and float32 (1, C, h, W)."""
        height, _ = _output_size(conv, x)
        doubled = isinstance(conv, UpsampledConv)
        stride, kernel, around = conv.stride[0], conv.kernel_size[0], conv.reflect
        step = _strip_height(max(conv.in_channels, conv.out_channels), x.width * (2 if doubled else 1))
        for top in range(0, height, step):
            bottom = min(top + step, height)
            wanted = range(top * stride - around, (bottom - 1) * stride + kernel - around)
            rows = [_reflected(row, x.height * (2 if doubled else 1)) for row in wanted]
            taken = x.rows([row // 2 for row in rows] if doubled else rows)
            if doubled:
                taken = taken.repeat_interleave(2, dim=3)
            taken = F.pad(taken, (around, around, 0, 0), mode="reflect").contiguous(memory_format=torch.channels_last)
            yield top, F.conv2d(taken, conv.weight, conv.bias, stride, groups=conv.groups)


class _Picture:
    """The input, read like features."""

    def __init__(self, pixels: Pixels, stem: str, device: torch.device) -> None:
        self.pixels, self.device = pixels, device
        self.unit = 2 if stem == "space_to_depth" else 1
        self.height, self.width = pixels.shape[0] // self.unit, pixels.shape[1] // self.unit

    def rows(self, indices: list[int]) -> Tensor:
        """Float32 (1, 3 * unit^2, len(indices), W / unit)."""
        lines = [self.unit * row + line for row in indices for line in range(self.unit)]
        x = to_float(torch.from_numpy(self.pixels[lines])[None].to(self.device))
        return F.pixel_unshuffle(x, self.unit)


def _output_size(conv: ConvLayer, x: _Features | _Picture) -> tuple[int, int]:
    if isinstance(conv, UpsampledConv):
        return 2 * x.height, 2 * x.width
    stride = conv.stride[0]
    return -(-x.height // stride), -(-x.width // stride)


def _strip_height(channels: int, width: int) -> int:
    # Even, so that strips of a picture at half size begin at whole rows of it.
    return max(16, STRIP_VALUES // (channels * width) // 2 * 2)


def _reflected(row: int, height: int) -> int:
    """The row that reflection puts at ``row``."""
    row = abs(row)
    return row if row < height else 2 * (height - 1) - row
