"""Scene cuts are marked, motion and flicker are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from clips import bars, numbered, write_clip

from rtstyle.sources.cuts import CutDetector
from rtstyle.sources.video import VideoSource


def test_a_film_marks_the_first_frame_of_a_scene(tmp_path: Path) -> None:
    still = np.full((48, 64, 3), 230, np.uint8)
    pictures = [numbered(i) for i in range(6)] + [bars()] * 5 + [still] * 4
    source = write_clip(tmp_path / "in.mp4", pictures)
    with VideoSource(source) as film:
        assert [frame.index for frame in film if frame.scene_cut] == [6, 11]


def test_motion_is_no_cut() -> None:
    moving = CutDetector()
    slope = np.broadcast_to((np.arange(400) % 256).astype(np.uint8)[None, :, None], (60, 400, 3))
    assert not any(moving.is_cut(np.ascontiguousarray(slope[:, 4 * i : 4 * i + 80])) for i in range(20))


def test_a_slow_fade_is_no_cut() -> None:
    detector = CutDetector()
    assert not any(detector.is_cut(np.full((48, 64, 3), level, np.uint8)) for level in range(0, 250, 10))
