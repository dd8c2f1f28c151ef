"""Pixels survive the crossings, and nothing but the asked-for changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from rtstyle.pixels import (
    centre_square,
    from_cells,
    pad_pixels,
    pad_to_multiple,
    resize,
    scaled_size,
    shrink,
    to_cells,
    to_float,
    to_uint8,
    transfer_luma,
    upsample_guided,
)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_every_level_survives_the_round_trip(dtype: torch.dtype) -> None:
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16, 1).expand(1, 16, 16, 3).contiguous()
    back = to_uint8(to_float(levels, dtype))
    if dtype is torch.bfloat16:  # 8 bits of mantissa: half a level at most is lost
        assert (back.int() - levels.int()).abs().max() <= 1
    else:
        assert torch.equal(back, levels)


def test_to_float_is_channels_first_in_unit_range() -> None:
    pixels = torch.zeros(2, 5, 7, 3, dtype=torch.uint8)
    pixels[1, 2, 3] = torch.tensor([255, 0, 51], dtype=torch.uint8)
    x = to_float(pixels)
    assert x.shape == (2, 3, 5, 7)
    assert x[1, :, 2, 3].tolist() == pytest.approx([1.0, 0.0, 0.2])


def test_to_uint8_rounds_and_clamps() -> None:
    x = torch.tensor([0.4999 / 255, 0.5001 / 255, 1.7, -0.3]).reshape(1, 1, 1, 4).expand(1, 3, 1, 4)
    assert to_uint8(x)[0, 0, :, 0].tolist() == [0, 1, 255, 0]


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 23), (41, 33), (3, 33), (3, 2)])
def test_padding_keeps_the_picture_and_reaches_the_multiple(height: int, width: int) -> None:
    x = torch.rand(1, 3, height, width)
    padded = pad_to_multiple(x, 8)
    assert padded.shape[2] % 8 == 0
    assert padded.shape[3] % 8 == 0
    assert padded.shape[2] - height < 8
    assert torch.equal(padded[..., :height, :width], x)
    assert np.array_equal(to_uint8(padded)[0].numpy(), pad_pixels(to_uint8(x)[0].numpy(), 8))


def test_shrink_averages_whole_squares_and_what_is_left_of_them() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    small = shrink(pixels, 2)
    assert small.shape == (4, 5, 3)
    assert np.abs(small[1, 2] - pixels[2:4, 4:6].mean((0, 1))).max() <= 0.5
    assert np.abs(small[3, 4] - pixels[6:, 8:].mean((0, 1))).max() <= 0.5
    assert shrink(pixels, 1) is pixels


def test_resize_averages_when_shrinking() -> None:
    checkerboard = np.indices((64, 64)).sum(0) % 2 * 255
    pixels = np.repeat(checkerboard[..., None], 3, axis=2).astype(np.uint8)
    small = resize(pixels, (8, 8))
    assert small.shape == (8, 8, 3)
    assert np.abs(small.astype(int) - 127).max() <= 2


def test_resize_takes_a_box() -> None:
    pixels = np.zeros((20, 20, 3), dtype=np.uint8)
    pixels[:, 10:] = 200
    assert resize(pixels, (4, 4), box=(14, 2, 20, 8)).min() >= 195  # Lanczos rings a little at the edge outside


@pytest.mark.parametrize(
    ("size", "short", "multiple", "wanted"),
    [((480, 640), 384, 8, (384, 512)), ((100, 50), 25, 1, (50, 25)), ((299, 299), 384, 8, (384, 384))],
)
def test_scaled_size(size: tuple[int, int], short: int, multiple: int, wanted: tuple[int, int]) -> None:
    assert scaled_size(size, short, multiple) == wanted


def test_centre_square_takes_the_middle() -> None:
    pixels = np.zeros((10, 30, 3), dtype=np.uint8)
    pixels[:, 10:20] = 255
    assert centre_square(pixels, 10).min() >= 250


def test_luma_transfer_keeps_hue_and_takes_brightness() -> None:
    original = np.full((4, 4, 3), (100, 60, 40), dtype=np.uint8)
    painted = np.full((4, 4, 3), (90, 90, 90), dtype=np.uint8)
    kept = transfer_luma(painted, original).astype(int)
    weights = np.array([0.2126, 0.7152, 0.0722])
    assert np.abs(kept @ weights - 90).max() < 1
    assert (kept[..., 0] - kept[..., 1] == 40).all()
    assert (kept[..., 1] - kept[..., 2] == 20).all()


def test_luma_transfer_of_the_same_picture_changes_nothing() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    assert np.array_equal(transfer_luma(pixels, pixels), pixels)


def test_guided_upsampling_brings_edges_back() -> None:
    original = np.zeros((64, 64, 3), dtype=np.uint8)
    original[:, 33:] = 200  # an edge that shrinking by 8 blurs
    small = resize(original, (8, 8))
    plain = resize(small, (64, 64))
    # "Painted": the same picture with other colours.
    palette = np.array([0.9, 0.5, 0.2])
    painted = np.rint(small * palette).astype(np.uint8)
    guided = upsample_guided(painted, small, original)
    wanted = original * palette
    assert np.abs(guided - wanted).mean() < 0.5 * np.abs(plain * palette - wanted).mean()


def test_guided_upsampling_keeps_strokes_the_photo_does_not_explain() -> None:
    flat = np.full((64, 64, 3), 128, dtype=np.uint8)
    painted = np.full((16, 16, 3), 60, dtype=np.uint8)
    painted[:, ::4] = 220
    guided = upsample_guided(painted, resize(flat, (16, 16)), flat)
    assert guided[:, 2].mean() > 190
    assert guided[:, 10].mean() < 90


def test_cells_hold_what_unshuffling_and_reflecting_gives() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (2, 8, 12, 3), dtype=np.uint8)
    cells = np.zeros((2, 6, 8, 12), dtype=np.uint8)
    to_cells(pictures, cells)
    plain = F.pixel_unshuffle(torch.from_numpy(pictures).permute(0, 3, 1, 2).float(), 2)
    plain = plain.unflatten(1, (3, 2, 2)).permute(0, 2, 3, 1, 4, 5).flatten(1, 3)  # by row, column and colour
    expected = F.pad(plain, (1, 1, 1, 1), mode="reflect").permute(0, 2, 3, 1)
    assert np.array_equal(cells, expected.numpy())
    back = np.zeros_like(pictures)
    from_cells(np.ascontiguousarray(cells[:, 1:-1, 1:-1]), back)
    assert np.array_equal(back, pictures)
