"""Steadiness on synthetic films whose answers are known."""

from __future__ import annotations

import math
from itertools import count

import cv2
import numpy as np
import pytest

from rtstyle.errors import UsageError
from rtstyle.evaluate.temporal import FlowEstimator, measure_steadiness, still_pixels, visible_pixels
from rtstyle.pixels import Pixels

HEIGHT, WIDTH = 96, 128
AMPLITUDE = 20


def identity(batch: Pixels) -> Pixels:
    return batch


def texture(height: int = HEIGHT, width: int = WIDTH, *, smooth: float = 3.0) -> Pixels:
    """A picture with something to follow everywhere."""
    noise = np.random.default_rng(1).uniform(0, 255, (height, width, 3)).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), smooth)
    scaled = (blurred - blurred.min()) / np.ptp(blurred) * 200 + 25
    return scaled.astype(np.uint8)


def panned(frames: int, step: int) -> list[Pixels]:
    """A camera that pans over a picture, ``step`` pixels a frame."""
    wide = texture(width=WIDTH + frames * step)
    return [np.ascontiguousarray(wide[:, i * step : i * step + WIDTH]) for i in range(frames)]


def flickering(batch: Pixels, frames: count[int]) -> Pixels:
    """Every second frame brighter by AMPLITUDE levels."""
    return (batch + np.uint8(AMPLITUDE * (next(frames) % 2))).astype(np.uint8)


def test_a_film_that_stands_still_has_no_error() -> None:
    (result,) = measure_steadiness([texture()] * 4, {"identity": identity})
    assert result.warping_error == 0
    assert result.root == 0
    assert result.still_change == 0
    assert result.pairs == 3
    assert result.visible == 1
    assert result.still == 1
    assert result.style_loss is None


def test_flicker_on_a_still_film_is_measured_exactly() -> None:
    frames = count()
    (result,) = measure_steadiness([texture()] * 5, {"flicker": lambda batch: flickering(batch, frames)})
    amplitude = AMPLITUDE / 255
    assert result.still_change == pytest.approx(amplitude, rel=1e-5)
    assert result.warping_error == pytest.approx(amplitude**2, rel=1e-5)
    assert result.root == pytest.approx(amplitude, rel=1e-5)


def test_a_painting_that_moves_with_the_film_has_nearly_no_error() -> None:
    film = panned(4, step=3)
    follows, stays = measure_steadiness(film, {"follows": lambda b: 255 - b, "stays": lambda b: film[0][None]})
    assert follows.visible > 0.7
    assert follows.root < 0.01
    # What does not follow the film is not steady, however little it changes.
    assert stays.root > 5 * follows.root


def test_flicker_is_seen_through_motion() -> None:
    frames = count()
    (result,) = measure_steadiness(panned(5, step=2), {"flicker": lambda batch: flickering(batch, frames)})
    assert result.root == pytest.approx(AMPLITUDE / 255, rel=0.1)


def test_moving_pixels_are_not_still() -> None:
    (result,) = measure_steadiness(panned(3, step=3), {"identity": identity})
    assert result.still < 0.01


def test_nothing_still_gives_no_number() -> None:
    dark, bright = np.full((HEIGHT, WIDTH, 3), 20, np.uint8), np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    (result,) = measure_steadiness([dark, bright], {"identity": identity})
    assert math.isnan(result.still_change)
    assert result.still == 0


def test_what_leaves_the_picture_is_left_out() -> None:
    forward = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    forward[..., 0] = 10
    visible = visible_pixels(forward, -forward)
    assert visible[:, : WIDTH - 10].all()
    assert not visible[:, WIDTH - 10 :].any()


def test_occluded_pixels_and_motion_boundaries_are_left_out() -> None:
    # A square moves right by 8 over a still background: both flows as they truly are.
    forward, backward = np.zeros((2, HEIGHT, WIDTH, 2), np.float32)
    forward[30:60, 30:60, 0] = 8
    backward[30:60, 38:68, 0] = -8
    visible = visible_pixels(forward, backward)
    assert not visible[32:58, 60:67].any(), "the background that the square comes to cover"
    assert visible[32:58, 32:58].all(), "the square itself"
    assert not visible[32:58, 59].any(), "the square's edge"
    assert visible[:28].all()


def test_an_error_where_nothing_is_visible_does_not_count() -> None:
    # The square covers new background: a painter that changes only there is as steady as one that changes nothing.
    still = texture()
    square = np.random.default_rng(2).integers(0, 255, (32, 32, 3), np.uint8)
    square = cv2.GaussianBlur(square, (0, 0), 2)
    film = []
    for i in range(2):
        frame = still.copy()
        frame[32:64, 32 + 8 * i : 64 + 8 * i] = square
        film.append(frame)
    pair = FlowEstimator().correspondence(film[0], film[1])
    covered = pair.visible[36:60, 65:71]
    assert covered.mean() < 0.2
    assert pair.visible[:20].mean() > 0.95


def test_sensor_noise_does_not_make_a_pixel_move() -> None:
    first = texture()
    second = (first.astype(int) + np.random.default_rng(3).integers(-1, 2, first.shape)).astype(np.uint8)
    flow = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    assert still_pixels(first, second, flow).mean() > 0.95
    brighter = first + np.uint8(8)
    assert not still_pixels(first, brighter, flow).any()
    flow[..., 1] = 0.5
    assert not still_pixels(first, second, flow).any()


def test_styles_are_measured_side_by_side_in_their_order() -> None:
    frames = count()
    results = measure_steadiness([texture()] * 3, {"b": lambda batch: flickering(batch, frames), "a": identity})
    assert [r.style for r in results] == ["b", "a"]
    assert results[0].warping_error > results[1].warping_error == 0


def test_frames_are_taken_one_by_one() -> None:
    taken = 0
    seen: list[int] = []

    def film():
        nonlocal taken
        for _ in range(5):
            taken += 1
            yield texture()

    def painter(batch: Pixels) -> Pixels:
        assert len(batch) == 1
        seen.append(taken)
        return batch

    measure_steadiness(film(), {"x": painter})
    assert seen == [1, 2, 3, 4, 5]


def test_one_frame_is_not_a_film() -> None:
    with pytest.raises(UsageError, match="two frames"):
        measure_steadiness([texture()], {"x": identity})
