"""Photos and paintings for training."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rtstyle.errors import SourceError, TrainingError, UsageError
from rtstyle.pixels import Pixels, resize, scaled_size, to_float
from rtstyle.sources.images import SUFFIXES, read_still
from rtstyle.system.folders import entries

logger = logging.getLogger(__name__)

SMALLEST_PAINTING = 64
# Photos are kept decoded: a photo is seen hundreds of times and decoding costs as much as the style network.
CACHE_BYTES = 2 << 30


def list_pictures(folder: Path) -> list[Path]:
    """All pictures below ``folder``, sorted by path; files of other kinds (annotations) are passed over."""
    if not os.path.isdir(folder):
        raise UsageError(f"no folder of photos at {folder}")
    entries(folder)  # rglob passes over a folder that may not be read
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not found:
        raise UsageError(f"no pictures ({', '.join(sorted(SUFFIXES))}) in {folder} or its subfolders")
    return found


def held_out(paths: Sequence[Path]) -> list[Path]:
    """The tenth of a folder that is never trained on: every tenth by name, from the tenth."""
    return list(paths[9::10])


def training_photos(paths: Sequence[Path]) -> list[Path]:
    """The other nine tenths; all of them where a folder is too small to spare any."""
    kept = set(held_out(paths))
    return [path for path in paths if path not in kept]


def load_picture(path: Path) -> Pixels:
    """Decode a still to uint8 (H, W, 3) sRGB, upright; raises :class:`UsageError` or :class:`TrainingError` where that fails."""
    try:
        return read_still(path)[0]
    except SourceError as error:
        raise TrainingError(str(error)) from error


def load_painting(path: Path, short_side: int) -> Tensor:
    """A painting scaled to ``short_side``: float (1, 3, H, W) in [0, 1]."""
    pixels = load_picture(path)
    height, width = pixels.shape[:2]
    if min(height, width) < SMALLEST_PAINTING:
        raise UsageError(f"{path} is {width}x{height}; a painting needs at least {SMALLEST_PAINTING} px a side")
    return as_batch([resize(pixels, scaled_size((height, width), short_side))])


def as_batch(pictures: Sequence[Pixels]) -> Tensor:
    """Equal-sized uint8 (H, W, 3) pictures -> float (N, 3, H, W) in [0, 1]."""
    return to_float(torch.from_numpy(np.stack(pictures)))


def load_pictures(paths: Iterable[Path], count: int) -> list[Pixels]:
    """The first ``count`` pictures of ``paths`` that can be decoded; one warning for each that cannot."""
    pictures: list[Pixels] = []
    for path in paths:
        if len(pictures) == count:
            break
        try:
            pictures.append(load_picture(path))
        except (TrainingError, UsageError) as error:
            logger.warning("skipped: %s", error)
    return pictures


class PhotoBatches:
    """Endless random crops of a folder of photos: float (N, 3, S, S) in [0, 1].

    An unreadable file is skipped with one warning. ``rank`` and ``world`` deal the photos out to data-parallel workers; ``seed``
    is the worker's own.
    What comes next depends on the seed and on ``position`` alone, the number of photos gone by, so that a run can be resumed.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        batch_size: int,
        image_size: int,
        photo_scale: tuple[int, int],
        seed: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.paths = list(paths)[rank::world]
        self.batch_size = batch_size
        self.image_size = image_size
        self.photo_scale = photo_scale
        self.seed = seed
        self.position = 0
        self.cache: dict[Path, Pixels] = {}
        self.cached_bytes = 0
        self.unreadable: set[Path] = set()

    def __iter__(self) -> Iterator[Tensor]:
        order: list[Path] = []
        crops: list[Pixels] = []
        while len(self.unreadable) < len(self.paths):
            epoch, place = divmod(self.position, len(self.paths))
            if not order or place == 0:
                order = list(self.paths)
                random.Random(f"order {self.seed} {epoch}").shuffle(order)
            chance = random.Random(f"crop {self.seed} {self.position}")
            self.position += 1
            photo = self._photo(order[place])
            if photo is None:
                continue
            crops.append(self._crop(photo, chance))
            if len(crops) == self.batch_size:
                yield as_batch(crops)
                crops = []
        raise TrainingError(f"none of the {len(self.paths)} photos can be read")

    def _photo(self, path: Path) -> Pixels | None:
        if path in self.unreadable:
            return None
        if path in self.cache:
            return self.cache[path]
        try:
            photo = load_picture(path)
        except (TrainingError, UsageError) as error:
            logger.warning("skipped: %s", error)
            self.unreadable.add(path)
            return None
        longest = 2 * self.photo_scale[1]
        if min(photo.shape[:2]) > longest:
            photo = resize(photo, scaled_size((photo.shape[0], photo.shape[1]), longest))
        if self.cached_bytes + photo.nbytes <= CACHE_BYTES:
            self.cache[path] = photo
            self.cached_bytes += photo.nbytes
        return photo

    def _crop(self, photo: Pixels, chance: random.Random) -> Pixels:
        """A random square at a random scale, mirrored half of the time."""
        height, width = photo.shape[:2]
        side = min(height, width) * self.image_size / chance.randint(*self.photo_scale)
        left, top = chance.uniform(0, width - side), chance.uniform(0, height - side)
        crop = resize(photo, (self.image_size, self.image_size), box=(left, top, left + side, top + side))
        return crop[:, ::-1] if chance.random() < 0.5 else crop
