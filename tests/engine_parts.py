"""Pictures and stand-ins for the tests of engines."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from rtstyle.engines import Engine


def frames(count: int = 2, height: int = 48, width: int = 72) -> Tensor:
    coarse = np.random.default_rng(0).integers(0, 256, (count, 5, 6, 3), dtype=np.uint8)
    pictures = [np.asarray(Image.fromarray(c).resize((width, height), Image.Resampling.BICUBIC)) for c in coarse]
    return torch.from_numpy(np.stack(pictures))


class Toy:
    """An engine that adds a number, or fails."""

    def __init__(
        self, add: int, *, name: str = "toy", error: Exception | None = None, most: int | None = None, seconds: float = 0.0
    ) -> None:
        self.add, self.name, self.error, self.most, self.seconds = add, name, error, most, seconds
        self.preferred_batch = 4

    def __call__(self, frames: Tensor, style: Tensor) -> Tensor:
        if self.error is not None:
            raise self.error
        if self.most is not None and len(frames) > self.most:
            raise torch.OutOfMemoryError("out of memory")
        if self.seconds:
            time.sleep(self.seconds)
        return frames + self.add + style.expand(len(frames), -1)[:, 0].to(torch.uint8)[:, None, None, None]


def maker(engine: Engine) -> Callable[[], Engine]:
    return lambda: engine
