"""Learning from a slow teacher: photos beside the pictures that optimisation (``rtstyle optimize``) made of them.

A folder of lessons holds ``photos/NAME.*`` and, per style of the recipe, ``STYLE/NAME.*``.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from rtstyle.errors import TrainingError, UsageError
from rtstyle.pixels import Pixels, resize
from rtstyle.training.data import as_batch, list_pictures, load_picture

logger = logging.getLogger(__name__)

PHOTOS = "photos"


@dataclass(frozen=True)
class Lesson:
    """A batch: ``photos`` and what they should become, ``taught``, (N, 3, S, S); ``chosen`` (N,): the styles' indices."""

    photos: Tensor
    chosen: Tensor
    taught: Tensor


class Lessons:
    """Endless random crops of the pairs in ``folder``, the same crop of the photo and of its painting.

    A pair of which a picture cannot be read is skipped with one warning. What comes next depends on the seed and on ``position``
    alone, the number of batches gone by, so that a run can be resumed.

    Raises :class:`UsageError` for a folder without ``photos`` or without a painting of a listed style, :class:`TrainingError`
    where no pair can be read.
    """

    def __init__(self, folder: Path, styles: Sequence[str], *, batch_size: int, image_size: int, seed: int) -> None:
        self.batch_size = batch_size
        self.image_size = image_size
        self.seed = seed
        self.position = 0
        photos = {path.stem: path for path in list_pictures(folder / PHOTOS)}
        self.pairs: list[tuple[int, Path, Path]] = []
        self.unreadable: set[tuple[int, Path, Path]] = set()
        for index, style in enumerate(styles):
            painted = list_pictures(folder / style) if (folder / style).is_dir() else []
            self.pairs += [(index, photos[path.stem], path) for path in painted if path.stem in photos]
        if not self.pairs:
            raise UsageError(f"no pair in {folder}: give {PHOTOS}/NAME.jpg and {styles[0]}/NAME.jpg (or .png) of the same name")

    def __iter__(self) -> Iterator[Lesson]:
        while True:
            chance = random.Random(f"lesson {self.seed} {self.position}")
            self.position += 1
            # With replacement, so that fewer pairs than a batch holds will do.
            drawn = [self._draw(chance) for _ in range(self.batch_size)]
            yield Lesson(
                photos=as_batch([photo for _, photo, _ in drawn]),
                chosen=torch.tensor([index for index, _, _ in drawn]),
                taught=as_batch([painted for _, _, painted in drawn]),
            )

    def _draw(self, chance: random.Random) -> tuple[int, Pixels, Pixels]:
        """The number of a style, and crops of a photo and of its painting."""
        while len(self.unreadable) < len(self.pairs):
            pair = chance.choice(self.pairs)
            if pair in self.unreadable:
                continue
            index, photo, painted = pair
            try:
                return index, *self._crops(load_picture(photo), load_picture(painted), chance)
            except (TrainingError, UsageError) as error:
                logger.warning("skipped: %s", error)
                self.unreadable.add(pair)
        raise TrainingError("none of the teacher's pairs can be read")

    def _crops(self, photo: Pixels, painted: Pixels, chance: random.Random) -> tuple[Pixels, Pixels]:
        """At the painting's own scale where it is large enough: its strokes are what is to be learned."""
        height, width = painted.shape[:2]
        photo = resize(photo, (height, width))
        side = min(height, width, self.image_size)
        left, top = chance.randint(0, width - side), chance.randint(0, height - side)
        box = (left, top, left + side, top + side)
        step = chance.choice((1, -1))
        photo, painted = (resize(p, (self.image_size, self.image_size), box=box)[:, ::step] for p in (photo, painted))
        return photo, painted
