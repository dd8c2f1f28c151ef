"""Paints live frames the way the controls stand at this moment."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rtstyle.engines.warming import is_warming
from rtstyle.frame import Frame
from rtstyle.live.adaptive import AdaptiveHeight
from rtstyle.live.controls import Controls
from rtstyle.live.overlay import draw_notice
from rtstyle.pixels import Pixels
from rtstyle.stabilize import Stabilizer
from rtstyle.stylizer import Look, Stylizer


class LivePainter:
    """Mirrors, freezes and paints; keeps the unpainted picture beside the painting for the before|after split."""

    def __init__(self, stylizer: Stylizer, controls: Controls, height: AdaptiveHeight, *, stabilize: bool = False) -> None:
        self.stylizer = stylizer
        self.controls = controls
        self.height = height
        self._frozen: Pixels | None = None
        self._stabilizer = Stabilizer() if stabilize else None
        self._steadied: tuple[Look, bool] | None = None
        """The look and the mirroring that the stabilizer's last frame had."""

    def paint_frames(self, frames: Sequence[Frame]) -> Sequence[Frame]:
        """Paint each frame in the look of the moment."""
        return [self._paint(frame) for frame in frames]

    def _paint(self, frame: Frame) -> Frame:
        controls = self.controls
        picture = self._frozen if controls.frozen and self._frozen is not None else frame.data
        # Kept unmirrored, so that m works on a frozen picture too.
        self._frozen = picture if controls.frozen else None
        if controls.mirror:
            picture = np.ascontiguousarray(picture[:, ::-1])
        look = controls.look().changed(paint_height=self.height.for_picture(picture.shape[0]))
        begun = time.monotonic()
        painted = self.stylizer.paint(picture[None], look)[0]
        done = time.monotonic()
        if self._stabilizer is not None:
            manner = look, controls.mirror
            cut, self._steadied = frame.scene_cut or manner != self._steadied, manner
            painted = self._stabilizer.steady(picture, painted, cut=cut)
        if not look.mix.is_none:
            steadying = time.monotonic() - done
            self.height.painted(done - begun, besides=steadying, warming=is_warming(self.stylizer.engine))
        if frame.notice:
            painted = draw_notice(painted, frame.notice)
        return replace(frame, data=painted, original=picture)
