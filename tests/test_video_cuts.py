"""Scene cuts are marked; motion, flashes, fades and noise are not."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from clips import bars, numbered, write_clip

from rtstyle.sources.cuts import CutDetector
from rtstyle.sources.video import VideoSource


def scene(seed: int) -> np.ndarray:
    """Soft shapes, float (48, 64, 3) in [0, 255]; each seed is another picture."""
    coarse = np.random.default_rng(seed).uniform(20, 230, (6, 8, 3))
    return np.kron(coarse, np.ones((8, 8, 1)))


def cuts(pictures: Iterable[np.ndarray]) -> list[int]:
    detector = CutDetector()
    return [i for i, picture in enumerate(pictures) if detector.is_cut(np.clip(picture, 0, 255).astype(np.uint8))]


def test_a_film_marks_the_first_frame_of_a_scene(tmp_path: Path) -> None:
    pictures = [numbered(i) for i in range(6)] + [bars()] * 5 + [scene(1).astype(np.uint8)] * 4
    source = write_clip(tmp_path / "in.mp4", pictures)
    with VideoSource(source) as film:
        assert [frame.index for frame in film if frame.scene_cut] == [6, 11]


def test_one_scene_after_another() -> None:
    assert cuts([scene(0)] * 3 + [scene(1)] * 2 + [scene(2)] * 4) == [3, 5]


def test_motion_is_no_cut() -> None:
    slope = np.broadcast_to((np.arange(400) % 256)[None, :, None], (60, 400, 3))
    assert cuts(slope[:, 4 * i : 4 * i + 80] for i in range(20)) == []


@pytest.mark.parametrize("gain", [0.4, 1.6])
def test_a_flash_or_a_lamp_is_no_cut(gain: float) -> None:
    lit = scene(0) * gain + (60 if gain > 1 else 0)
    assert cuts([scene(0)] * 3 + [lit] + [scene(0)] * 3 + [lit] * 3) == []


def test_a_white_frame_is_no_cut_and_black_hides_none() -> None:
    white, black = np.full((48, 64, 3), 255.0), np.zeros((48, 64, 3))
    assert cuts([scene(0)] * 3 + [white] + [scene(0)] * 3) == []
    assert cuts([scene(0)] * 3 + [black] * 4 + [scene(1)] * 3) == [7]


@pytest.mark.parametrize("frames", [8, 25])
def test_a_fade_is_no_cut(frames: int) -> None:
    shares = np.linspace(0, 1, frames)
    assert cuts((1 - share) * scene(0) + share * scene(1) for share in shares) == []
    assert cuts(share * scene(0) for share in [*shares, *shares[::-1]]) == []
    assert cuts(np.full((48, 64, 3), level) for level in range(0, 250, 10)) == []


def test_noise_is_no_cut() -> None:
    noise = np.random.default_rng(0)
    for picture in (scene(0), np.full((48, 64, 3), 90.0)):
        assert cuts(picture.repeat(4, 0).repeat(4, 1) + noise.normal(0, 40, (192, 256, 3)) for _ in range(12)) == []


def test_real_films_joined(shared_data: Path) -> None:
    detector = CutDetector()
    names = ["bottles.mp4", "cooking.mp4", "talking_head.mp4", "gesture_walk.mkv", "gesture_again.mkv", "hallway.mp4"]
    found: list[tuple[str, int]] = []
    for name in names:
        with VideoSource(shared_data / "video" / name) as film:
            for frame in film:
                if detector.is_cut(frame.data):
                    found.append((name, frame.index))
                if frame.index == 30:
                    break
    assert found == [(name, 0) for name in names[1:]]


def test_a_shaken_camera_is_no_cut(shared_data: Path) -> None:
    with VideoSource(shared_data / "video" / "arm_wrestling.mp4") as film:
        frames = iter(film)
        assert not any(next(frames).scene_cut for _ in range(150))
