"""Steadying at run time: less flicker, no ghosts, nothing across a cut, the same in any batches."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from clips import read_film, write_clip
from live_parts import tiny_stylizer

from rtstyle.frame import Frame
from rtstyle.live.adaptive import AdaptiveHeight
from rtstyle.live.controls import Controls
from rtstyle.live.keys import Action
from rtstyle.live.painter import LivePainter
from rtstyle.live.playlist import Playlist
from rtstyle.pixels import Pixels, resize
from rtstyle.stabilize import FAR, KEPT, Stabilizer, SteadyPainter
from rtstyle.video.film import FilmOptions, paint_film

HEIGHT, WIDTH = 180, 240
FLICKER = 12


def scene(seed: int, *, height: int = HEIGHT, width: int = WIDTH) -> Pixels:
    """A picture with something to follow everywhere."""
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    return resize(coarse, (height, width))


def flickering(picture: Pixels, seed: int) -> Pixels:
    """A painting of ``picture``: another one each time, as of an unsteady network."""
    noise = np.random.default_rng(seed).integers(-FLICKER, FLICKER + 1, (*picture.shape[:2], 1))
    return np.clip(255 - picture.astype(int) + noise, 0, 255).astype(np.uint8)


def change(pictures: list[Pixels]) -> float:
    """Mean absolute change from one picture to the next, in levels."""
    return float(np.mean([np.abs(b.astype(int) - a).mean() for a, b in pairwise(pictures)]))


def frames_of(pictures: list[Pixels], *, cuts: tuple[int, ...] = ()) -> list[Frame]:
    return [Frame(p, pts=i, time_base=Fraction(1, 25), index=i, scene_cut=i in cuts) for i, p in enumerate(pictures)]


@pytest.mark.parametrize("height", [120, 180, 361], ids=["smaller", "as compared", "shrunk"])
def test_a_still_noisy_film_gets_steadier(height: int) -> None:
    picture = scene(1, height=height)
    noisy = [np.clip(picture + np.random.default_rng(i).normal(0, 2, picture.shape), 0, 255).astype(np.uint8) for i in range(8)]
    painted = [flickering(picture, i) for i in range(8)]
    stabilizer = Stabilizer()
    steadied = [stabilizer.steady(*pair) for pair in zip(noisy, painted, strict=True)]
    assert change(steadied[3:]) < 0.4 * change(painted[3:])
    wanted = 255 - picture.astype(int)
    assert np.abs(steadied[-1] - wanted).mean() < np.abs(painted[-1] - wanted).mean()


def test_a_moving_film_is_steadied_along_its_motion() -> None:
    wide = scene(2, width=WIDTH + 80)
    pictures = [np.ascontiguousarray(wide[:, 4 * i : 4 * i + WIDTH]) for i in range(10)]
    painted = [flickering(picture, i) for i, picture in enumerate(pictures)]
    stabilizer = Stabilizer()
    steadied = [stabilizer.steady(*pair) for pair in zip(pictures, painted, strict=True)][-1]
    inside = np.s_[20:-20, 20:-20]
    wanted = 255 - pictures[-1].astype(int)
    assert np.abs(steadied - wanted)[inside].mean() < 0.8 * np.abs(painted[-1] - wanted)[inside].mean()


@pytest.mark.parametrize("told", [True, False], ids=["marked", "seen"])
def test_nothing_is_carried_over_a_cut(told: bool) -> None:
    stabilizer = Stabilizer()
    for i in range(5):
        stabilizer.steady(scene(3), flickering(scene(3), i))
    # A cut to a picture much like the last one cannot be seen: then the mark alone must count.
    picture = scene(3) if told else scene(4)
    painted = flickering(picture, 9)
    assert np.array_equal(stabilizer.steady(picture, painted, cut=told), painted)
    assert not np.array_equal(stabilizer.steady(picture, flickering(picture, 10)), flickering(picture, 10))


def test_a_moving_thing_leaves_no_ghost() -> None:
    stabilizer = Stabilizer()
    ground = resize(scene(5), (HEIGHT, WIDTH)) // 4 + 90
    for i in range(8):
        picture = ground.copy()
        picture[60:100, 16 * i : 16 * i + 40] = (250, 30, 30)
        painted = 255 - picture
        difference = np.abs(stabilizer.steady(picture, painted).astype(int) - painted)
        assert difference.max() <= KEPT * FAR / 4 + 1  # wherever it was or is
        uncovered = difference[60:100, max(0, 16 * i - 16) : 16 * i]
        assert not uncovered.size or uncovered.mean() < 1


def test_a_strip_comes_back_as_it_is() -> None:
    stabilizer = Stabilizer()
    strip = np.zeros((600, 16, 3), dtype=np.uint8)
    for level in (0, 90):
        painted = strip + np.uint8(level)
        assert np.array_equal(stabilizer.steady(strip, painted), painted)


def test_another_size_begins_anew() -> None:
    stabilizer = Stabilizer()
    stabilizer.steady(scene(6), scene(6))
    small = scene(7, height=64, width=96)
    assert np.array_equal(stabilizer.steady(small, small), small)


def test_frames_come_out_the_same_in_any_batches() -> None:
    pictures = [scene(8, height=64, width=96) + np.uint8(i) for i in range(6)]
    frames = frames_of(pictures, cuts=(4,))
    one_by_one, together = SteadyPainter(tiny_stylizer()), SteadyPainter(tiny_stylizer())
    single = [one_by_one.paint_frames([frame])[0] for frame in frames]
    batched = [*together.paint_frames(frames[:4]), *together.paint_frames(frames[4:])]
    assert [frame.pts for frame in batched] == list(range(6))
    for one, other in zip(single, batched, strict=True):
        assert np.abs(one.data.astype(int) - other.data).max() <= 1  # as the network itself in batches
    assert np.array_equal(batched[4].data, tiny_stylizer().paint(np.stack(pictures[4:]))[0])


def test_another_look_begins_anew() -> None:
    painter = SteadyPainter(tiny_stylizer())
    frames = frames_of([scene(9, height=64, width=96)] * 3)
    painter.paint_frames(frames[:2])
    painter.stylizer.look = painter.stylizer.look.changed(strength=0.5)
    painted = painter.paint_frames(frames[2:])[0].data
    assert np.array_equal(painted, painter.stylizer.paint_one(frames[2].data))


def test_films_are_steadied_beside_their_originals_too(tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    pictures = [
        np.clip(scene(10, height=64, width=96) + noise.normal(0, 3, (64, 96, 3)), 0, 255).astype(np.uint8) for _ in range(6)
    ]
    source = write_clip(tmp_path / "in.mkv", pictures)
    changes: dict[bool, float] = {}
    for stabilize in (False, True):
        out = tmp_path / f"{stabilize}.mkv"
        paint_film(str(source), out, tiny_stylizer(), FilmOptions(stabilize=stabilize, compare=True, batch=4))
        changes[stabilize] = change([frame[:, 96:] for frame in read_film(out).pictures][2:])
    assert changes[True] < 0.7 * changes[False]


def test_live_frames_are_steadied_until_the_picture_is_mirrored() -> None:
    stylizer = tiny_stylizer()
    controls = Controls(Playlist.parse("one", stylizer.bank.names))
    painter = LivePainter(stylizer, controls, AdaptiveHeight(None), stabilize=True)
    pictures = [flickering(scene(11, height=64, width=96), i) // 8 + 100 for i in range(3)]
    painted = [painter.paint_frames([frame])[0].data for frame in frames_of(pictures[:2])]
    assert np.array_equal(painted[0], stylizer.paint_one(pictures[0]))
    assert change(painted) < change([stylizer.paint_one(picture) for picture in pictures[:2]])
    controls.press(Action.mirror)
    mirrored = np.ascontiguousarray(pictures[2][:, ::-1])
    assert np.array_equal(painter.paint_frames(frames_of(pictures[2:]))[0].data, stylizer.paint_one(mirrored))
