"""Steadier films at run time: each painted frame keeps some of the one before, moved along with the film.

A recursive filter, guided by the optical flow of what is painted (as in blind video consistency, Bonneel et al. 2015,
and Lai et al. 2018, arXiv 1808.00449, there by a solver and a network). Three things keep the old frame from showing
through: it counts less where the flow does not explain the film, it counts less where old and new painting are far
apart, and nothing of it is kept across a cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rtstyle.frame import Frame
from rtstyle.pixels import Pixels, shrink
from rtstyle.stylizer import Look, Stylizer

FLOW_HEIGHT = 180
"""Films are compared at about this height: enough for motion, and small enough to cost little beside painting."""
SMALLEST_SIDE = 12
"""Pictures with a shorter side than this are not compared: the flow needs a few of its patches."""
KEPT = 0.75
"""Share of the old painting where the film stands still or is well explained."""
SURE, UNSURE = 4.0, 14.0
"""How far, in levels, the moved old frame may be from the new one to count fully, and to count for nothing."""
REACH = 5
"""Side of the window, in pixels of the small picture, in which one unexplained pixel stops all: strokes reach beyond edges."""
FAR = 64.0
"""How far, in levels, old and new painting may be apart before the old one counts for nothing; the most that it can add
is a quarter of it times ``KEPT``."""
STILL = 0.12
"""Motion, in pixels of the small picture, that is taken for none: moving by so little would only blur."""
CUT_SHARE = 0.25
"""Where less of the picture than this is explained by motion, another scene has begun."""

FloatArray = NDArray[np.float32]

_KEEP_BY_DISTANCE = (KEPT * np.clip(1.0 - np.arange(256) / FAR, 0.0, 1.0)).astype(np.float32)


class Stabilizer:
    """Steadies the paintings of one film; frames must come in order. Not to be shared by threads or films."""

    def __init__(self) -> None:
        self._flow: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._picture: Pixels | None = None
        self._grey: NDArray[np.uint8] | None = None
        self._steady: FloatArray | None = None

    def reset(self) -> None:
        """Forget all earlier frames."""
        self._steady = None

    def steady(self, picture: Pixels, painted: Pixels, *, cut: bool = False) -> Pixels:
        """The painting of ``picture``, steadied; both uint8 (H, W, 3), and so is the result.

        The first frame, the first one of a scene (``cut``, or where motion explains next to nothing) and one of another
        size come back as they are, and so does all of a film that is but a strip.
        """
        factor = max(1, round(picture.shape[0] / FLOW_HEIGHT))
        small = shrink(picture, factor)
        if min(small.shape[:2]) < SMALLEST_SIDE:
            return painted
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
        before, before_grey, old = self._picture, self._grey, self._steady
        self._picture, self._grey = small, grey
        if old is not None and before is not None and before.shape == small.shape and old.shape == painted.shape and not cut:
            flow = self._motion(before_grey, grey)
            trust = explained(before, small, flow)
            if float(np.mean(trust > 0)) >= CUT_SHARE:
                self._steady = _blend(painted, old, flow, trust, factor)
                return np.asarray(cv2.convertScaleAbs(self._steady), dtype=np.uint8)
        self._steady = painted.astype(np.float32)
        return painted

    def _motion(self, before: Any, now: Any) -> FloatArray:
        """Where each pixel of the small picture was before: offsets (h, w, 2)."""
        flow = np.asarray(self._flow.calc(now, before, None), dtype=np.float32)
        flow[np.abs(flow).max(axis=2) < STILL] = 0.0
        return flow


def explained(before: Pixels, now: Pixels, flow: FloatArray) -> FloatArray:
    """How far the frame before, moved by ``flow``, explains the new one: (h, w) in [0, 1]; pictures uint8 (h, w, 3)."""
    error = _largest(cv2.GaussianBlur(cv2.absdiff(_moved(before, flow[..., 0], flow[..., 1]), now), (3, 3), 0))
    error = cv2.dilate(error, np.ones((REACH, REACH), np.uint8))
    return np.clip((UNSURE - error.astype(np.float32)) / (UNSURE - SURE), 0.0, 1.0)


def _blend(painted: Pixels, old: FloatArray, flow: FloatArray, trust: FloatArray, factor: int) -> FloatArray:
    """``painted`` with some of ``old``, both (H, W, 3) in levels; ``flow`` and ``trust`` at the size of the small picture."""
    height, width = painted.shape[:2]
    right, down, sure = (
        _enlarged(field, factor)[:height, :width] for field in (flow[..., 0] * factor, flow[..., 1] * factor, trust)
    )
    old = _moved(old, right, down)
    apart = _largest(cv2.absdiff(cv2.convertScaleAbs(old), painted))
    keep = np.asarray(cv2.LUT(apart, _KEEP_BY_DISTANCE)) * sure
    return np.asarray(cv2.blendLinear(old, painted.astype(np.float32), keep, 1.0 - keep), dtype=np.float32)


def _enlarged(field: FloatArray, factor: int) -> Any:
    """A smooth field (h, w), ``factor`` times as large."""
    return cv2.resize(field, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)


def _moved(x: Any, right: FloatArray, down: FloatArray) -> Any:
    """Sample (h, w, 3) at each pixel's place plus ``right`` and ``down``, (h, w) each, bilinearly."""
    if not (right.any() or down.any()):
        return x
    height, width = right.shape
    columns = right + np.arange(width, dtype=np.float32)
    rows = down + np.arange(height, dtype=np.float32)[:, None]
    return cv2.remap(x, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _largest(pixels: Any) -> Any:
    """The largest of the three channels of uint8 (h, w, 3): (h, w)."""
    red, green, blue = cv2.split(pixels)
    return cv2.max(cv2.max(red, green), blue)


class SteadyPainter:
    """Paints frames with a Stylizer and steadies them, each batch going on where the last one ended.

    The painter of a film for :func:`rtstyle.pipeline.run`. A change of look begins anew: the old look would linger.
    """

    def __init__(self, stylizer: Stylizer) -> None:
        self.stylizer = stylizer
        self.stabilizer = Stabilizer()
        self._look: Look | None = None

    def paint_frames(self, frames: Sequence[Frame]) -> Sequence[Frame]:
        """One painted frame for each of ``frames``, all of one size."""
        look = self.stylizer.look
        if look != self._look:
            self.stabilizer.reset()
            self._look = look
        painted = self.stylizer.paint(np.stack([frame.data for frame in frames]), look)
        return [
            frame.with_data(self.stabilizer.steady(frame.data, data, cut=frame.scene_cut))
            for frame, data in zip(frames, painted, strict=True)
        ]
