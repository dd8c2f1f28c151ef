"""What the live painter paints, and what is drawn over it."""

from __future__ import annotations

import time
from fractions import Fraction

import numpy as np
import pytest
from live_parts import Hands, picture, tiny_stylizer

from rtstyle.frame import Frame
from rtstyle.live.adaptive import AdaptiveHeight
from rtstyle.live.controls import Controls
from rtstyle.live.keys import Action
from rtstyle.live.overlay import Figures, compose, draw_notice
from rtstyle.live.painter import LivePainter
from rtstyle.live.playlist import Playlist
from rtstyle.stats import StatsRecorder

NAMES = ("wave", "scream", "udnie")


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def gradient() -> Frame:
    data = np.tile(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None], (48, 1, 3))
    return Frame(data=data, pts=0, time_base=Fraction(1, 30), index=0, captured_at=time.monotonic())


def painter(**wishes: bool) -> LivePainter:
    controls = Controls(Playlist.parse("one", ["one", "two"]))
    for name, value in wishes.items():
        setattr(controls, name, value)
    return LivePainter(tiny_stylizer(), controls, AdaptiveHeight(None))


def test_the_live_painter_paints_what_the_stylizer_paints(gradient: Frame) -> None:
    it = painter()
    done = it.paint_frames([gradient])[0]
    assert np.array_equal(done.data, it.stylizer.paint_one(gradient.data))
    assert done.original is gradient.data
    assert done.captured_at == gradient.captured_at


def test_mirroring_comes_before_painting(gradient: Frame) -> None:
    done = painter(mirror=True).paint_frames([gradient])[0]
    assert np.array_equal(done.original, gradient.data[:, ::-1])
    assert np.array_equal(done.data, painter().stylizer.paint_one(np.ascontiguousarray(gradient.data[:, ::-1])))


def test_a_frozen_picture_stays_but_its_style_can_change(gradient: Frame) -> None:
    it = painter(frozen=True)
    first = it.paint_frames([gradient])[0]
    other = gradient.with_data(255 - gradient.data)
    assert np.array_equal(it.paint_frames([other])[0].data, first.data)
    it.controls.press(Action.next)
    it.controls._fade = it.controls._fade.towards(it.controls.wanted, -10.0)
    changed = it.paint_frames([other])[0]
    assert not np.array_equal(changed.data, first.data)
    assert np.array_equal(changed.original, gradient.data)
    it.controls.press(Action.freeze)
    assert np.array_equal(it.paint_frames([other])[0].original, other.data)


def test_a_notice_is_in_the_picture_of_every_output() -> None:
    plain = Frame(data=picture(60, 180, 320), pts=0, time_base=Fraction(1, 30), index=0)
    noticed = draw_notice(plain.data, "camera 0 is gone")
    assert not np.array_equal(noticed, plain.data)
    assert (plain.data == 60).all()
    it = painter()
    quiet, loud = it.paint_frames([plain])[0], it.paint_frames([Frame(**{**_fields(plain), "notice": "camera 0 is gone"})])[0]
    assert not np.array_equal(quiet.data, loud.data)


def _fields(frame: Frame) -> dict[str, object]:
    return {name: getattr(frame, name) for name in Frame.__dataclass_fields__}


def view(frame: Frame, controls: Controls, recording: float | None = None) -> np.ndarray:
    return compose(frame, controls, Figures(StatsRecorder()), recording)


def test_the_overlay_is_drawn_on_a_copy_and_h_hides_it() -> None:
    frame = Frame(data=picture(60, 360, 640), pts=0, time_base=Fraction(1, 30), index=0, original=picture(200, 360, 640))
    controls = Controls(Playlist.parse("wave", NAMES))
    shown = view(frame, controls)
    assert not np.array_equal(shown, frame.data)
    assert (frame.data == 60).all()
    controls.press(Action.overlay)
    assert np.array_equal(view(frame, controls), frame.data)
    controls.press(Action.help)
    helped = view(frame, controls)
    assert (helped != frame.data).any(axis=2).mean() > 0.3
    controls.press(Action.help)
    controls.press(Action.compare)
    controls.point(0.25)
    split = view(frame, controls)
    assert (split[300, :150] == 200).all()
    assert (split[300, 170:] == 60).all()


@pytest.mark.parametrize("size", [(16, 16), (17, 400), (300, 20), (1080, 1920)])
def test_the_overlay_fits_any_picture(size: tuple[int, int]) -> None:
    frame = Frame(data=picture(60, *size), pts=0, time_base=Fraction(1, 30), index=0, original=picture(9, *size))
    controls = Controls(Playlist.parse("wave", NAMES))
    for action in (Action.help, Action.compare, Action.freeze, Action.stronger):
        controls.press(action)
    controls.say("saved something with a rather long name.png")
    assert view(frame, controls, 61.0).shape == (*size, 3)


def test_figures_tell_rate_and_latency(clock: Hands) -> None:
    recorder = StatsRecorder()
    figures = Figures(recorder, clock=clock)
    assert figures.line() == ""
    for _ in range(5):
        recorder.shown(time.monotonic() - 0.04)
    clock.now += 1
    assert "fps" in figures.line()
    assert "p50 4" in figures.line()
