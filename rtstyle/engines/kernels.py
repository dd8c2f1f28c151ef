"""Triton kernels for pictures in NHWC: the passes over memory that are left between two convolutions are three.

One reads a convolution's output for its statistics, one reads it again to scale it and writes it with the border that the next
convolution asks for. ReLU, the skip and the stem that is let past at low strength are part of that. Statistics are float32
whatever the dtype. The first and the last kernel are the pixel crossings, between bytes and cells of 2x2 pixels.

The module needs Triton; with ``TRITON_INTERPRET=1`` set before it is imported, its kernels run on CPU tensors.
"""

# What Triton compiles is not typed as Python is: its parameters are pointers, tiles and constants.
# pyright: reportMissingParameterType=false, reportArgumentType=false

from __future__ import annotations

from typing import Literal

import torch
import triton
import triton.language as tl
from torch import Tensor

from rtstyle.nets.layers import EPSILON

Border = Literal["reflect", "replicate"]

TILE = 4096
"""Numbers that a program holds at once."""
PROGRAMS = 512
"""Programs that fill any device."""
MOST_SPLITS = 128
CELL = 12
"""Bytes of 2x2 pixels."""


@triton.jit
def _mirrored(at, size):
    """The index that reflection puts at ``at``, at most one picture away."""
    at = tl.abs(at)
    return tl.where(at < size, at, 2 * (size - 1) - at)


@triton.jit
def _cells_kernel(frames, cells, height, width, rows, columns, TILE_P: tl.constexpr, TILE_C: tl.constexpr):
    picture = tl.program_id(1).to(tl.int64)
    place = tl.program_id(0) * TILE_P + tl.arange(0, TILE_P)
    channel = tl.arange(0, TILE_C)
    row, column = place // (columns + 2) - 1, place % (columns + 2) - 1
    # The cell that reflection puts here; past the picture's own edge, where sides are no multiple, its pixels are reflected.
    y = _mirrored(2 * _mirrored(row, rows)[:, None] + (channel // 6)[None, :], height)
    x = _mirrored(2 * _mirrored(column, columns)[:, None] + (channel % 6 // 3)[None, :], width)
    inside = (place < (rows + 2) * (columns + 2))[:, None] & (channel < 12)[None, :]
    value = tl.load(frames + picture * height * width * 3 + (y * width + x) * 3 + (channel % 3)[None, :], mask=inside, other=0)
    into = cells + picture * (rows + 2) * (columns + 2) * 12 + place[:, None] * 12 + channel[None, :]
    tl.store(into, value.to(tl.float32) / 255.0, mask=inside)


@triton.jit
def _pixels_kernel(cells, bias, frames, height, width, columns, cells_a_picture, TILE_P: tl.constexpr):
    picture = tl.program_id(1).to(tl.int64)
    place = tl.program_id(0) * TILE_P + tl.arange(0, TILE_P)
    pixel, colour = place // 3, place % 3
    y, x = pixel // width, pixel % width
    inside = place < height * width * 3
    channel = (y % 2) * 6 + (x % 2) * 3 + colour
    at = cells + picture * cells_a_picture * 12 + ((y // 2) * columns + x // 2) * 12 + channel
    value = tl.load(at, mask=inside, other=0.0).to(tl.float32) + tl.load(bias + channel).to(tl.float32)
    value = tl.sigmoid(value)
    tl.store(frames + picture * height * width * 3 + place, (value * 255.0 + 0.5).to(tl.int32).to(tl.uint8), mask=inside)


@triton.jit
def _sums_kernel(x, sums, pixels, channels, span, splits, TILE_P: tl.constexpr, TILE_C: tl.constexpr):
    split, picture = tl.program_id(0), tl.program_id(1).to(tl.int64)
    channel = tl.program_id(2) * TILE_C + tl.arange(0, TILE_C)
    known = channel < channels
    x += picture * pixels * channels
    # Sums of distances from the first pixel: the squares of far off means would drown the variance in rounding.
    first = tl.load(x + channel, mask=known, other=0.0).to(tl.float32)
    total = tl.zeros((TILE_P, TILE_C), tl.float32)
    squares = tl.zeros((TILE_P, TILE_C), tl.float32)
    begin = split * span
    for top in range(begin, begin + span, TILE_P):
        place = top + tl.arange(0, TILE_P)
        inside = ((place < pixels) & (place < begin + span))[:, None] & known[None, :]
        value = tl.load(x + place[:, None] * channels + channel[None, :], mask=inside, other=0.0).to(tl.float32)
        value = tl.where(inside, value - first[None, :], 0.0)
        total += value
        squares += value * value
    into = sums + (picture * splits + split) * 2 * channels + channel
    tl.store(into, tl.sum(total, 0), mask=known)
    tl.store(into + channels, tl.sum(squares, 0), mask=known)


@triton.jit
def _affine_kernel(
    x,
    sums,
    style,
    photo_gain,
    photo_bias,
    affine,
    pixels,
    channels,
    splits,
    offset,
    style_size,
    epsilon,
    TILE_S: tl.constexpr,
    TILE_C: tl.constexpr,
):
    picture = tl.program_id(0).to(tl.int64)
    channel = tl.program_id(1) * TILE_C + tl.arange(0, TILE_C)
    known = channel < channels
    # All splits at once: one after the other, each would wait for the memory anew.
    split = tl.arange(0, TILE_S)
    there = (split < splits)[:, None] & known[None, :]
    at = sums + (picture * splits + split)[:, None] * 2 * channels + channel[None, :]
    total = tl.sum(tl.load(at, mask=there, other=0.0), 0)
    squares = tl.sum(tl.load(at + channels, mask=there, other=0.0), 0)
    distance = total / pixels
    variance = tl.maximum(squares / pixels - distance * distance, 0.0)
    mean = tl.load(x + picture * pixels * channels + channel, mask=known, other=0.0).to(tl.float32) + distance
    style += picture * style_size
    gain = tl.load(style + offset + channel, mask=known, other=0.0) * tl.rsqrt(variance + epsilon)
    bias = tl.load(style + offset + channels + channel, mask=known, other=0.0) - gain * mean
    photo = 1.0 - tl.load(style + style_size - 1)
    gain += photo * tl.load(photo_gain + channel, mask=known, other=0.0).to(tl.float32)
    bias += photo * tl.load(photo_bias + channel, mask=known, other=0.0).to(tl.float32)
    into = affine + picture * 2 * channels + channel
    tl.store(into, gain, mask=known)
    tl.store(into + channels, bias, mask=known)


@triton.jit
def _spread_kernel(
    x,
    affine,
    other,
    style,
    into,
    height,
    width,
    channels,
    style_size,
    other_picture,
    other_row,
    other_column,
    RELU: tl.constexpr,
    OTHER: tl.constexpr,
    BY_PHOTO: tl.constexpr,
    REFLECT: tl.constexpr,
    TILE_P: tl.constexpr,
    TILE_C: tl.constexpr,
):
    picture = tl.program_id(1).to(tl.int64)
    place = tl.program_id(0) * TILE_P + tl.arange(0, TILE_P)
    channel = tl.program_id(2) * TILE_C + tl.arange(0, TILE_C)
    known = channel < channels
    row, column = place // (width + 2) - 1, place % (width + 2) - 1
    if REFLECT:
        row, column = _mirrored(row, height), _mirrored(column, width)
    else:
        row = tl.minimum(tl.maximum(row, 0), height - 1)
        column = tl.minimum(tl.maximum(column, 0), width - 1)
    inside = (place < (height + 2) * (width + 2))[:, None] & known[None, :]
    affine += picture * 2 * channels
    gain = tl.load(affine + channel, mask=known, other=0.0)
    bias = tl.load(affine + channels + channel, mask=known, other=0.0)
    at = x + picture * height * width * channels + (row * width + column)[:, None] * channels + channel[None, :]
    value = tl.load(at, mask=inside, other=0.0).to(tl.float32) * gain[None, :] + bias[None, :]
    if RELU:
        value = tl.maximum(value, 0.0)
    if OTHER:
        at = other + picture * other_picture + (row * other_row + column * other_column)[:, None] + channel[None, :]
        if BY_PHOTO:
            # At full strength nothing of it counts, and it is not read.
            share = tl.zeros((TILE_C,), tl.float32) + (1.0 - tl.load(style + picture * style_size + style_size - 1))
            value += share[None, :] * tl.load(at, mask=inside & (share != 0.0)[None, :], other=0.0).to(tl.float32)
        else:
            value += tl.load(at, mask=inside, other=0.0).to(tl.float32)
    at = into + picture * (height + 2) * (width + 2) * channels + place[:, None] * channels + channel[None, :]
    tl.store(at, value, mask=inside)


def _tile(channels: int) -> tuple[int, int]:
    """Pixels and channels that a program takes at once."""
    tile = min(64, triton.next_power_of_2(channels))
    return TILE // tile, tile


def cells(frames: Tensor, multiple: int, dtype: torch.dtype) -> Tensor:
    """uint8 (N, H, W, 3) -> cells in [0, 1], reflected at the border (N, H' / 2 + 2, W' / 2 + 2, 12).

    H' and W' are the next multiples of ``multiple``. A cell's twelve numbers go by row, column and colour, as
    :func:`rtstyle.pixels.to_cells` has them.
    """
    count, height, width = frames.shape[:3]
    rows, columns = ((side + -side % multiple) // 2 for side in (height, width))
    into = torch.empty(count, rows + 2, columns + 2, CELL, dtype=dtype, device=frames.device)
    pixels, tile = _tile(CELL)
    grid = (triton.cdiv((rows + 2) * (columns + 2), pixels), count)
    _cells_kernel[grid](frames, into, height, width, rows, columns, TILE_P=pixels, TILE_C=tile)
    return into


def pixels(cells: Tensor, bias: Tensor, height: int, width: int) -> Tensor:
    """What the head gives for cells (N, H' / 2, W' / 2, 12) -> uint8 (N, H, W, 3).

    With its ``bias`` (12,) added, bounded, rounded and cropped.
    """
    count, rows, columns = cells.shape[:3]
    into = torch.empty(count, height, width, 3, dtype=torch.uint8, device=cells.device)
    grid = (triton.cdiv(height * width * 3, TILE), count)
    _pixels_kernel[grid](cells, bias, into, height, width, columns, rows * columns, TILE_P=TILE)
    return into


def affine(x: Tensor, style: Tensor, offset: int, photo_gain: Tensor, photo_bias: Tensor) -> Tensor:
    """Gain and bias (N, 2, C), float32, of a conditional instance norm; see :class:`rtstyle.nets.layers.ConditionalInstanceNorm`.

    ``x`` (N, H, W, C), contiguous; ``style`` (N, D), float32, in which the norm's scale and shift begin at ``offset``.
    """
    count, height, width, channels = x.shape
    tile_pixels, tile = _tile(channels)
    blocks, steps = triton.cdiv(channels, tile), triton.cdiv(height * width, tile_pixels)
    splits = max(1, min(MOST_SPLITS, steps, PROGRAMS // (count * blocks)))
    span = triton.cdiv(steps, splits) * tile_pixels
    sums = torch.empty(count, splits, 2, channels, device=x.device)
    area = height * width
    _sums_kernel[(splits, count, blocks)](x, sums, area, channels, span, splits, TILE_P=tile_pixels, TILE_C=tile)
    result = torch.empty(count, 2, channels, device=x.device)
    sizes = area, channels, splits, offset, style.shape[1]
    tiles = {"TILE_S": triton.next_power_of_2(splits), "TILE_C": tile}
    _affine_kernel[(count, blocks)](x, sums, style, photo_gain, photo_bias, result, *sizes, EPSILON, **tiles)
    return result


def spread(
    x: Tensor, affine: Tensor, style: Tensor, *, relu: bool, border: Border, other: Tensor | None = None, by_photo: bool = False
) -> Tensor:
    """``gain * x + bias``, with ReLU if told so, plus ``other``, and a border of one: (N, H + 2, W + 2, C).

    ``x`` (N, H, W, C), contiguous; ``other`` of its shape, may be the inside of a larger tensor; ``by_photo`` takes of it only
    the share that each style (N, D) leaves to the photo.
    """
    count, height, width, channels = x.shape
    into = torch.empty(count, height + 2, width + 2, channels, dtype=x.dtype, device=x.device)
    tile_pixels, tile = _tile(channels)
    grid = (triton.cdiv((height + 2) * (width + 2), tile_pixels), count, triton.cdiv(channels, tile))
    second = x if other is None else other
    strides = second.stride()[:3]
    _spread_kernel[grid](
        *(x, affine, second, style, into, height, width, channels, style.shape[1], *strides),
        RELU=relu,
        OTHER=other is not None,
        BY_PHOTO=by_photo,
        REFLECT=border == "reflect",
        TILE_P=tile_pixels,
        TILE_C=tile,
    )
    return into
