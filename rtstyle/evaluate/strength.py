"""What the strength of a style does: how style, content and the photo itself give way to each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from rtstyle.evaluate.perceptual import QualityMeter, evaluation_photo
from rtstyle.pixels import Pixels
from rtstyle.stylizer import Look, Stylizer

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)


@dataclass(frozen=True, kw_only=True)
class StrengthPoint:
    """One style at one strength, over all photos."""

    style: str
    strength: float
    style_loss: float
    """Mean; 0 is the painting's own statistics."""
    content_loss: float
    """Mean; 0 is the photo itself."""
    psnr: float
    """Mean peak signal-to-noise ratio to the photo in dB; infinite where every photo comes back untouched."""
    least_psnr: float
    """That of the photo that comes back least alike."""


def measure_strength(
    photos: Sequence[Path],
    stylizer: Stylizer,
    looks: Mapping[str, Look],
    meter: QualityMeter,
    *,
    strengths: Sequence[float] = STRENGTHS,
    progress: Callable[[], object] | None = None,
) -> list[StrengthPoint]:
    """Paint ``photos``, as the losses are measured on them, in every look at every strength, in this order.

    ``progress()`` is called after every painted picture.
    """
    rows: dict[tuple[str, float], list[tuple[float, float, float]]] = {(s, t): [] for s in looks for t in strengths}
    for path in photos:
        photo = evaluation_photo(path)
        target = meter.features(photo)
        for style, strength in rows:
            painted = stylizer.paint_one(photo, looks[style].changed(strength=strength))
            features = meter.features(painted)
            losses = meter.style(features, style), meter.content(features, target), psnr(painted, photo)
            rows[style, strength].append(losses)
            if progress is not None:
                progress()
    return [_point(style, strength, values) for (style, strength), values in rows.items()]


def psnr(one: Pixels, other: Pixels) -> float:
    """Peak signal-to-noise ratio in dB of two uint8 pictures of one shape; infinite where they are the same."""
    error = float(np.square(one.astype(np.float32) - other.astype(np.float32)).mean())
    return 10.0 * math.log10(255.0**2 / error) if error else math.inf


def falls_until_full(points: Sequence[StrengthPoint]) -> tuple[float, float] | None:
    """Where, between the strengths 0 and 1, the style loss of one style's ``points`` first does not fall; None if nowhere."""
    rising = sorted((p for p in points if p.strength <= 1), key=lambda p: p.strength)
    return next(((a.strength, b.strength) for a, b in pairwise(rising) if b.style_loss >= a.style_loss), None)


def _point(style: str, strength: float, values: Sequence[tuple[float, float, float]]) -> StrengthPoint:
    style_loss, content_loss, ratio = (float(value) for value in np.mean(values, axis=0))
    least = min(value[2] for value in values)
    return StrengthPoint(
        style=style, strength=strength, style_loss=style_loss, content_loss=content_loss, psnr=ratio, least_psnr=least
    )
