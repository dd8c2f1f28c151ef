"""The only place where pixels change their type, size or colour.

Outside a network a picture is ``uint8 (H, W, 3)`` RGB, a batch ``uint8 (N, H, W, 3)``. Inside it is float
``(N, 3, H, W)`` in [0, 1]. The two crossings are :func:`to_float` and :func:`to_uint8`; the way back
rounds (truncation darkens every picture by half a level) and the round trip of any uint8 is exact.
Sizes are ``(height, width)``.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

Pixels = NDArray[np.uint8]
Size = tuple[int, int]

# BT.709 luma weights, as ITU-R BT.709-6 item 3.2; red, green, blue.
LUMA_WEIGHTS = (0.2126, 0.7152, 0.0722)
PIXELS_AT_ONCE = 1 << 20


def to_float(pixels: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """uint8 (N, H, W, 3) in [0, 255] -> float (N, 3, H, W) in [0, 1], in channels_last memory."""
    # Scaled before it is permuted: OpenVINO then reads the bytes where they lie instead of transposing them first.
    return (pixels.to(dtype) / 255.0).permute(0, 3, 1, 2)


def to_uint8(x: Tensor) -> Tensor:
    """Float (N, 3, H, W), clamped to [0, 1] -> uint8 (N, H, W, 3), rounded to the nearest level."""
    return (x.float().clamp(0.0, 1.0) * 255.0).round().to(torch.uint8).permute(0, 2, 3, 1)


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Reflect-pad (N, C, H, W) at the right and the bottom up to the next multiple; crop with ``[..., :H, :W]``.

    A side that is shorter than what it lacks is reflected back and forth.
    """
    height, width = x.shape[-2:]
    bottom, right = -height % multiple, -width % multiple
    if bottom >= height or right >= width:
        rows, columns = (np.pad(np.arange(side), (0, more), mode="reflect") for side, more in ((height, bottom), (width, right)))
        return x[..., torch.from_numpy(rows), :][..., torch.from_numpy(columns)]
    if bottom or right:
        x = F.pad(x, (0, right, 0, bottom), mode="reflect")
    return x


def pad_pixels(pixels: Pixels, multiple: int) -> Pixels:
    """:func:`pad_to_multiple` for uint8 (H, W, C); the same array where nothing is missing."""
    height, width = pixels.shape[:2]
    bottom, right = -height % multiple, -width % multiple
    if not (bottom or right):
        return pixels
    return np.pad(pixels, ((0, bottom), (0, right), (0, 0)), mode="reflect")


def to_cells(pixels: Pixels, into: Pixels) -> None:
    """Write uint8 (N, H, W, 3), H and W even, as cells of 2x2 pixels: ``into`` (N, H / 2 + 2, W / 2 + 2, 12).

    The twelve bytes of a cell go by row, column and colour. One cell is added around the picture, reflected cell by
    cell, as a convolution with reflection padding adds it. Both arrays must be C-contiguous.
    """
    count, height, width = pixels.shape[0], pixels.shape[1] // 2, pixels.shape[2] // 2
    # The six bytes of two neighbours are moved as three words: NumPy is several times as fast with those.
    words = pixels.reshape(count, 2 * height, 6 * width).view(np.int16).reshape(count, height, 2, width, 3)
    cells = into.view(np.int16).reshape(count, height + 2, width + 2, 2, 3)[:, 1:-1, 1:-1]
    for word in range(3):
        cells[..., word] = words[..., word].swapaxes(2, 3)
    into[:, 0], into[:, -1] = into[:, 2], into[:, -3]
    into[:, :, 0], into[:, :, -1] = into[:, :, 2], into[:, :, -3]


def from_cells(cells: Pixels, into: Pixels) -> None:
    """Write cells (N, H / 2, W / 2, 12) as pixels: ``into`` uint8 (N, H, W, 3). Both must be C-contiguous."""
    count, height, width = cells.shape[:3]
    words = cells.view(np.int16).reshape(count, height, width, 2, 3)
    pixels = into.reshape(count, 2 * height, 6 * width).view(np.int16).reshape(count, height, 2, width, 3)
    for word in range(3):
        pixels[..., word] = words[..., word].swapaxes(2, 3)


def resize(pixels: Pixels, size: Size, *, box: tuple[float, float, float, float] | None = None) -> Pixels:
    """Resize uint8 (H, W, C) to ``size`` with Lanczos, anti-aliased when shrinking.

    ``box`` is the part to take, as (left, top, right, bottom) in pixels; the whole picture by default.
    """
    height, width = size
    if box is None and pixels.shape[:2] == size:
        return pixels
    picture = Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS, box=box)
    return np.asarray(picture, dtype=np.uint8)


def shrink(pixels: Pixels, factor: int) -> Pixels:
    """Average uint8 (H, W, 3) over squares of ``factor`` px: (ceil(H / factor), ceil(W / factor), 3). Faster than Lanczos."""
    return pixels if factor == 1 else np.asarray(Image.fromarray(pixels).reduce(factor), dtype=np.uint8)


def centre_square(pixels: Pixels, side: int) -> Pixels:
    """The middle of a picture as a square of ``side`` px."""
    height, width = pixels.shape[:2]
    short = min(height, width)
    left, top = (width - short) / 2, (height - short) / 2
    return resize(pixels, (side, side), box=(left, top, left + short, top + short))


def scaled_size(size: Size, short_side: int, multiple: int = 1) -> Size:
    """``size`` scaled so that its short side is ``short_side``, both sides rounded to ``multiple``."""
    scale = short_side / min(size)
    height, width = (max(multiple, round(side * scale / multiple) * multiple) for side in size)
    return height, width


def upsample_guided(painted: Pixels, small: Pixels, original: Pixels, *, radius: int = 2, smoothness: float = 1e-3) -> Pixels:
    """Bring a painting made at low resolution to the resolution of its original, edges included.

    ``painted`` and ``small`` are uint8 (h, w, 3), the painting and what was painted; ``original`` is uint8 (H, W, 3), the
    picture ``small`` was shrunk from. Joint upsampling after the guided filter (He & Sun 2015, arXiv 1505.00996): in small
    windows the painting's response to brightness is a straight line, whose slope turns the detail that shrinking lost
    into paint. The painting itself is enlarged as it is, so that strokes the photo does not explain stay.
    ``smoothness`` is the variance, in [0, 1] squared, below which a window counts as flat.
    """
    size = (original.shape[0], original.shape[1])
    paint, low, full = (to_float(torch.from_numpy(np.array(pixels))[None]) for pixels in (painted, small, original))
    weights = torch.tensor(LUMA_WEIGHTS).view(1, 3, 1, 1)
    low, full = (low * weights).sum(1, keepdim=True), (full * weights).sum(1, keepdim=True)

    def mean(x: Tensor) -> Tensor:
        padded = F.pad(x, (radius,) * 4, mode="reflect")
        return F.avg_pool2d(padded, 2 * radius + 1, stride=1)

    def enlarge(x: Tensor) -> Tensor:
        return F.interpolate(x, size=size, mode="bicubic", align_corners=False)

    mean_low = mean(low)
    variance = mean(low * low) - mean_low.square()
    slope = (mean(low * paint) - mean_low * mean(paint)) / (variance + smoothness)
    # Steeper lines come from strokes that cross an edge by chance; they would turn grain into dirt.
    detail = F.interpolate(slope.clamp(-1.0, 1.0), size=size, mode="bilinear", align_corners=False) * (full - enlarge(low))
    return to_uint8(enlarge(paint) + detail)[0].numpy()


def transfer_luma(painted: Pixels, original: Pixels) -> Pixels:
    """Keep the colours of ``original`` and take the brightness of ``painted`` (Gatys et al. 2016, arXiv 1606.05897, sec. 3).

    Both are uint8 (..., H, W, 3) of one shape. Each original pixel is moved along grey by the difference of luma, which
    leaves its colour differences (Cb, Cr) as they were wherever the result is in gamut.
    """
    weights = np.asarray(LUMA_WEIGHTS, dtype=np.float32)
    result = np.empty_like(original, order="C")
    flat = result.reshape(-1, 3)
    sources = painted.reshape(-1, 3), original.reshape(-1, 3)
    # In parts: as floats a still of 100 megapixels would take gigabytes.
    for start in range(0, len(flat), PIXELS_AT_ONCE):
        new, old = (pixels[start : start + PIXELS_AT_ONCE].astype(np.float32) for pixels in sources)
        flat[start : start + PIXELS_AT_ONCE] = np.clip(np.rint(old + ((new - old) @ weights)[:, None]), 0, 255)
    return result


def over_black(rgba: Pixels) -> Pixels:
    """Lay uint8 (H, W, 4) with straight opacity on black: uint8 (H, W, 3)."""
    alpha = rgba[..., 3:].astype(np.uint16)
    if alpha.min() == 255:
        return np.ascontiguousarray(rgba[..., :3])
    return ((rgba[..., :3] * alpha + 127) // 255).astype(np.uint8)
