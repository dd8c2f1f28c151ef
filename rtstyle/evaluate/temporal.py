"""How steady a painted film is: Lai et al.'s warping error, and what changes where nothing moved.

Warping error (Lai et al. 2018, arXiv 1808.00449): the second painted frame is moved back onto the first one by
the optical flow of the *original* frames; the error is the mean squared difference, pixels in [0, 1], over the pixels
that are visible in both, then the mean over all pairs of neighbouring frames that share one. The flow is OpenCV's DIS
(medium preset) at the clip's own size. Not visible is what the forward and the backward flow disagree on, what lies at a
motion boundary (both tests with Lai et al.'s thresholds, after Sundaram et al. 2010) and what leaves the picture.

Still change: mean absolute difference of neighbouring painted frames, in [0, 1], over the pixels that stand still in the
original: after a Gaussian blur of one pixel, which takes sensor noise away, no channel differs by more than
``STILL_LEVELS`` of 255 levels, and the flow is shorter than ``STILL_FLOW`` pixels.

Both reward painting less: the untouched film wins. They say something only beside the style loss.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rtstyle.errors import UsageError
from rtstyle.evaluate.perceptual import PaintStill, QualityMeter
from rtstyle.pixels import Pixels
from rtstyle.sources.video import VideoSource
from rtstyle.stabilize import Stabilizer

FRAMES = 60
STILL_LEVELS = 2.0
STILL_FLOW = 0.25
STYLE_EVERY = 20
"""Every so many painted frames one is measured against the painting: neighbours look alike, the loss network is slow."""

STEADIED = " steadied"
"""What is added to a style's name where its frames were steadied at run time."""

FloatArray = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Correspondence:
    """What the original pair says about its pixels; all of size (H, W), on the first frame's grid."""

    target: FloatArray
    """(H, W, 2): where each pixel is found in the second frame, (x, y) in pixels."""
    visible: Mask
    still: Mask


@dataclass(frozen=True, kw_only=True)
class Steadiness:
    """How steady one style is on one clip."""

    style: str
    warping_error: float
    """Mean squared, pixels in [0, 1]; NaN where no pixel was visible in two frames."""
    still_change: float
    """Mean absolute, pixels in [0, 1]; NaN where no pixel stands still."""
    style_loss: float | None
    """Of painted frames at the clip's size, against the painting at 512 px; None where no painting was given."""
    visible: float
    """Share of pixels that the error covers."""
    still: float
    """Share of pixels that the still change covers."""
    pairs: int

    @property
    def root(self) -> float:
        """Root of the warping error."""
        return math.sqrt(self.warping_error)


class FlowEstimator:
    """Optical flow of neighbouring frames, by OpenCV's DIS (Kroeger et al. 2016)."""

    def __init__(self) -> None:
        self.dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def correspondence(self, first: Pixels, second: Pixels) -> Correspondence:
        """Compare two original frames, uint8 (H, W, 3)."""
        grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (first, second)]
        forward = np.asarray(self.dis.calc(grey[0], grey[1], None), dtype=np.float32)
        backward = np.asarray(self.dis.calc(grey[1], grey[0], None), dtype=np.float32)
        target = forward + _grid(forward.shape[0], forward.shape[1])
        return Correspondence(target, visible_pixels(forward, backward), still_pixels(first, second, forward))


def visible_pixels(forward: FloatArray, backward: FloatArray) -> Mask:
    """Pixels (H, W) of the first frame that the second one shows too; flows are (H, W, 2) in pixels."""
    height, width = forward.shape[:2]
    target = forward + _grid(height, width)
    back = move_back(backward, target)
    length = _squared(forward)
    disagree = _squared(forward + back) > 0.01 * (length + _squared(back)) + 0.5
    steepness = np.zeros((height, width), np.float32)
    steepness[:, :-1] += _squared(np.diff(forward, axis=1))
    steepness[:-1] += _squared(np.diff(forward, axis=0))
    boundary = steepness > 0.01 * length + 0.002
    x, y = target[..., 0], target[..., 1]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return inside & ~disagree & ~boundary


def still_pixels(first: Pixels, second: Pixels, forward: FloatArray) -> Mask:
    """Pixels (H, W) that do not move and do not change between two original frames, uint8 (H, W, 3)."""
    difference = first.astype(np.float32) - second.astype(np.float32)
    calm = np.abs(cv2.GaussianBlur(difference, (0, 0), 1.0)).max(axis=2) <= STILL_LEVELS
    return calm & (_squared(forward) < STILL_FLOW**2)


def move_back(second: NDArray[Any], target: FloatArray) -> FloatArray:
    """Sample (H, W, C) at ``target`` (H, W, 2), bilinearly: the second frame as seen from the first."""
    return cv2.remap(second.astype(np.float32), target[..., 0], target[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


@dataclass
class _Tally:
    """Running sums of one style; nothing but the last painted frame is kept."""

    last: Pixels | None = None
    errors: list[float] = field(default_factory=list)
    change: float = 0.0
    style_losses: list[float] = field(default_factory=list)

    def add(self, painted: Pixels, pair: Correspondence | None) -> None:
        if pair is not None and self.last is not None:
            if pair.visible.any():
                difference = self.last.astype(np.float32) - move_back(painted, pair.target)
                self.errors.append(float(np.square(difference[pair.visible] / 255.0).mean()))
            step = painted[pair.still].astype(np.float32) - self.last[pair.still].astype(np.float32)
            self.change += float(np.abs(step / 255.0).sum()) / 3
        self.last = painted


def first_frames(clip: Path, count: int) -> Iterator[Pixels]:
    """The first ``count`` frames of a film, uint8 (H, W, 3); raises :class:`SourceError` where it cannot be read."""
    with VideoSource(clip) as source:
        for frame in islice(source, count):
            yield frame.data


def with_steadied(painters: Mapping[str, PaintStill]) -> dict[str, PaintStill]:
    """Each painter followed by a twin whose frames a :class:`Stabilizer` of its own steadies: for one film, frame by frame."""

    def twin(paint: PaintStill) -> PaintStill:
        stabilizer = Stabilizer()

        def steadied(frames: Pixels) -> Pixels:
            return np.stack([stabilizer.steady(*pair) for pair in zip(frames, paint(frames), strict=True)])

        return steadied

    return {name: it for style, paint in painters.items() for name, it in ((style, paint), (style + STEADIED, twin(paint)))}


def measure_steadiness(
    frames: Iterable[Pixels],
    painters: Mapping[str, PaintStill],
    *,
    meter: QualityMeter | None = None,
    progress: Callable[[int], object] | None = None,
) -> list[Steadiness]:
    """Paint a clip frame by frame in every style and measure each pair, in the order of ``painters``.

    ``frames`` yields uint8 (H, W, 3) of one size; two of them are held at a time. With a ``meter`` the style loss is
    measured beside. ``progress(frames done)`` is called after every frame. Raises :class:`UsageError` for a clip of fewer
    than two frames.
    """
    estimator = FlowEstimator()
    tallies = {style: _Tally() for style in painters}
    previous: Pixels | None = None
    visible: list[float] = []
    still: list[int] = []
    pixels = 0
    for index, frame in enumerate(frames):
        pair = None
        if previous is not None:
            pair = estimator.correspondence(previous, frame)
            visible.append(float(pair.visible.mean()))
            still.append(int(pair.still.sum()))
            pixels += pair.still.size
        for style, painter in painters.items():
            painted = painter(frame[None])[0]
            tallies[style].add(painted, pair)
            if meter is not None and style in meter.grams and index % STYLE_EVERY == 0:
                tallies[style].style_losses.append(meter.style(meter.features(painted), style))
        previous = frame
        if progress is not None:
            progress(index + 1)
    if not visible:
        raise UsageError("a clip needs at least two frames to measure its steadiness")
    return [_result(style, tally, visible, sum(still), pixels) for style, tally in tallies.items()]


def _result(style: str, tally: _Tally, visible: list[float], still: int, pixels: int) -> Steadiness:
    return Steadiness(
        style=style,
        warping_error=float(np.mean(tally.errors)) if tally.errors else math.nan,
        still_change=tally.change / still if still else math.nan,
        style_loss=float(np.mean(tally.style_losses)) if tally.style_losses else None,
        visible=float(np.mean(visible)),
        still=still / pixels,
        pairs=len(visible),
    )


def _grid(height: int, width: int) -> FloatArray:
    """(H, W, 2): each pixel's own (x, y)."""
    return np.stack(np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)), axis=2)


def _squared(flow: FloatArray) -> FloatArray:
    """Squared length of (H, W, 2) vectors: (H, W)."""
    return np.square(flow).sum(axis=2)
