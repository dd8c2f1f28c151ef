"""How much like the painting, how much like the photo: the two losses on photos that no training has seen.

The definition, so that figures can be compared between networks:

- photos: every tenth by name is held out (``training.data.held_out``); of those every fifth, at most 30, are quoted, scaled
  with Lanczos to 384 px short side, both sides rounded to multiples of 8;
- style loss: relative error of the gram matrices against the painting at 512 px short side, mean over relu1_1, relu2_1,
  relu3_1 and relu4_1 of VGG-19;
- content loss: relative error of relu4_1 against the photo;
- both are means over the photos.

Either loss alone rewards a trivial answer (the photo itself, the painting itself): they are always reported together.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from rtstyle.errors import UsageError
from rtstyle.perceptual.losses import content_loss, gram_matrices, style_loss
from rtstyle.pixels import Pixels, resize, scaled_size
from rtstyle.sources.images import SUFFIXES
from rtstyle.system.folders import entries
from rtstyle.training.data import as_batch, held_out, list_pictures, load_painting, load_picture

CONTENT_LAYERS = ("relu4_1",)
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
LAYERS = STYLE_LAYERS
"""What the loss network has to return: the content layer is one of them."""

PHOTO_SIZE = 384
PAINTING_SIZE = 512
QUOTED_PHOTOS = 30

PaintStill = Callable[[Pixels], Pixels]
"""Paints a batch: uint8 (N, H, W, 3) RGB in, the same shape out."""


@dataclass(frozen=True, kw_only=True)
class Quality:
    """The losses of one style, means over ``photos`` photos."""

    style: str
    content_loss: float
    """0 is the photo itself."""
    style_loss: float
    """0 is the painting's own statistics."""
    unpainted_style_loss: float
    """Style loss of the photos as they are: what painting starts from (their content loss is 0)."""
    photos: int


def quoted_photos(folder: Path, *, limit: int = QUOTED_PHOTOS) -> list[Path]:
    """The photos on which losses are quoted; raises :class:`UsageError` where the folder is too small to hold any out."""
    photos = held_out(list_pictures(folder))[::5][: min(limit, QUOTED_PHOTOS)]
    if not photos:
        raise UsageError(f"{folder} has too few photos: every tenth by name is held out for evaluation, so give 10 or more")
    return photos


def find_painting(folder: Path, style: str) -> Path:
    """The picture in ``folder`` called ``style`` (any suffix); raises :class:`UsageError` where there is none."""
    if not os.path.isdir(folder):
        raise UsageError(f"no folder of paintings at {folder}")
    for path in entries(folder):
        if path.stem == style and path.suffix.lower() in SUFFIXES:
            return path
    raise UsageError(f"no painting for style '{style}' in {folder}; it should be called {style}.jpg (or .png, .webp)")


def evaluation_photo(path: Path) -> Pixels:
    """A photo as the losses are measured on it: uint8 (H, W, 3)."""
    pixels = load_picture(path)
    return resize(pixels, scaled_size((pixels.shape[0], pixels.shape[1]), PHOTO_SIZE, multiple=8))


class QualityMeter:
    """Holds the paintings' statistics and measures pictures against them.

    ``loss_network`` maps (N, 3, H, W) in [0, 1] to the features of ``LAYERS``; ``paintings`` gives each style's picture.
    """

    def __init__(self, loss_network: nn.Module, paintings: Mapping[str, Path], *, device: torch.device | None = None) -> None:
        self.device = device or torch.device("cpu")
        self.loss_network = loss_network.to(self.device)
        self.grams: dict[str, dict[str, Tensor]] = {}
        for style, path in paintings.items():
            self.grams[style] = self.painting_statistics(load_painting(path, PAINTING_SIZE))

    @torch.inference_mode()
    def painting_statistics(self, painting: Tensor) -> dict[str, Tensor]:
        """Gram matrices (1, C, C) of a painting (1, 3, H, W) in [0, 1]."""
        return gram_matrices(self.loss_network(painting.to(self.device)), STYLE_LAYERS)

    @torch.inference_mode()
    def features(self, pixels: Pixels) -> dict[str, Tensor]:
        """Loss network features of one picture, uint8 (H, W, 3)."""
        return self.loss_network(as_batch([pixels]).to(self.device))

    @torch.inference_mode()
    def content(self, painted: Mapping[str, Tensor], photo: Mapping[str, Tensor]) -> float:
        """Content loss between the features of a painted picture and of its photo."""
        return float(content_loss(painted, photo, CONTENT_LAYERS))

    @torch.inference_mode()
    def style(self, painted: Mapping[str, Tensor], style: str) -> float:
        """Style loss of a picture's features against the painting of ``style``."""
        return float(style_loss(painted, self.grams[style], STYLE_LAYERS))


def measure_quality(
    photos: Sequence[Path],
    painters: Mapping[str, PaintStill],
    meter: QualityMeter,
    *,
    progress: Callable[[int, int], object] | None = None,
) -> list[Quality]:
    """Losses of every style of ``painters`` over ``photos``, in the order of ``painters``.

    ``progress(done, total)`` is called after every painted picture.
    """
    total = len(photos) * len(painters)
    rows: dict[str, list[tuple[float, float, float]]] = {style: [] for style in painters}
    for done, (style, losses) in enumerate(_losses(photos, painters, meter), start=1):
        rows[style].append(losses)
        if progress is not None:
            progress(done, total)
    return [_mean(style, losses) for style, losses in rows.items()]


def _losses(
    photos: Sequence[Path], painters: Mapping[str, PaintStill], meter: QualityMeter
) -> Iterator[tuple[str, tuple[float, float, float]]]:
    """Content, style and unpainted style loss; photos outside, so that each one's own features are taken once."""
    for path in photos:
        photo = evaluation_photo(path)
        target = meter.features(photo)
        for style, painter in painters.items():
            painted = meter.features(painter(np.stack([photo]))[0])
            yield style, (meter.content(painted, target), meter.style(painted, style), meter.style(target, style))


def _mean(style: str, losses: Sequence[tuple[float, float, float]]) -> Quality:
    content, painted, unpainted = (float(value) for value in np.mean(losses, axis=0))
    return Quality(style=style, content_loss=content, style_loss=painted, unpainted_style_loss=unpainted, photos=len(losses))
