"""Keys, cross-fades, the playlist, the painted height and what is drawn: everything of a session but the window."""

from __future__ import annotations

import time
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from live_parts import picture, tiny_stylizer

from rtstyle.channel import Channel
from rtstyle.errors import UsageError
from rtstyle.frame import Frame
from rtstyle.freshness import Freshness
from rtstyle.live.adaptive import AdaptiveHeight, ladder
from rtstyle.live.controls import Controls
from rtstyle.live.fade import blend
from rtstyle.live.keys import BINDINGS, Action, action_of
from rtstyle.live.overlay import Figures, compose, draw_notice
from rtstyle.live.painter import LivePainter
from rtstyle.live.playlist import Playlist
from rtstyle.live.start import parse_seconds
from rtstyle.live.viewer import WindowViewer
from rtstyle.stats import StatsRecorder
from rtstyle.styles import StyleMix

NAMES = ("wave", "scream", "udnie")


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def shares(mix: StyleMix) -> dict[str, float]:
    return dict(mix.parts)


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def controls(clock: Hands) -> Controls:
    return Controls(Playlist.parse("wave", NAMES), clock=clock)


def test_a_cross_fade_goes_through_style_space_in_half_a_second(controls: Controls, clock: Hands) -> None:
    controls.press(Action.next)
    seen = [shares(controls.look().mix).get("scream", 0.0)]
    for _ in range(5):
        clock.now += 0.1
        seen.append(shares(controls.look().mix).get("scream", 0.0))
    assert seen[0] == 0.0
    assert seen == sorted(seen)
    assert 0.05 < seen[2] < 0.5
    assert controls.look().mix == StyleMix.parse("scream")


def test_a_fade_begun_in_the_middle_of_another_starts_where_it_is(controls: Controls, clock: Hands) -> None:
    controls.press(Action.next)
    clock.now += 0.25
    before = controls.look().mix
    controls.press(Action.pick, 3)
    assert shares(controls.look().mix) == pytest.approx(shares(before))
    clock.now += 0.5
    assert controls.look().mix == StyleMix.parse("udnie")


def test_arrows_go_round_and_a_number_without_a_style_does_nothing(controls: Controls) -> None:
    controls.press(Action.previous)
    assert str(controls.playlist.current) == "udnie"
    controls.press(Action.pick, 9)
    assert str(controls.playlist.current) == "udnie"


def test_blend_is_half_of_the_next_style(controls: Controls, clock: Hands) -> None:
    controls.press(Action.blend)
    clock.now += 1
    assert shares(controls.look().mix) == pytest.approx({"wave": 0.5, "scream": 0.5})
    controls.press(Action.blend)
    clock.now += 1
    assert controls.look().mix == StyleMix.parse("wave")


def test_strength_stays_within_its_bounds(controls: Controls) -> None:
    for _ in range(30):
        controls.press(Action.stronger)
    assert controls.look().strength == 1.5
    for _ in range(30):
        controls.press(Action.weaker)
    assert controls.look().strength == 0.0


def test_the_cycle_moves_by_itself_and_a_key_begins_it_anew(clock: Hands) -> None:
    controls = Controls(Playlist.parse("wave", NAMES), cycle=10, clock=clock)
    clock.now += 9.9
    controls.look()
    assert controls.playlist.position == 0
    controls.press(Action.next)
    clock.now += 9.9
    controls.look()
    assert controls.playlist.position == 1
    clock.now += 0.2
    controls.look()
    assert controls.playlist.position == 2


def test_playlists() -> None:
    assert [str(mix) for mix in Playlist.parse("scream, wave", NAMES).mixes] == ["scream", "wave"]
    every = Playlist.parse("scream", NAMES)
    assert [str(mix) for mix in every.mixes] == list(NAMES)
    assert str(every.current) == "scream"
    mixed = Playlist.parse("wave:0.7,scream:0.3", NAMES)
    assert shares(mixed.current) == pytest.approx({"wave": 0.7, "scream": 0.3})
    assert len(mixed.mixes) == 4
    with pytest.raises(UsageError, match="empty name"):
        Playlist.parse("wave,,scream", NAMES)


def test_blending_keeps_the_shares_at_one() -> None:
    mix = blend(StyleMix.parse("wave:0.5,scream:0.5"), StyleMix.parse("scream"), 0.5)
    assert shares(mix) == pytest.approx({"wave": 0.25, "scream": 0.75})


def test_every_key_has_one_action_and_every_action_a_key() -> None:
    keys = [key for binding in BINDINGS for key in binding.keys]
    assert len(keys) == len(set(keys))
    assert {binding.action for binding in BINDINGS} == set(Action)
    assert action_of("B") is Action.blend
    assert action_of("z") is None


@pytest.mark.parametrize(("text", "seconds"), [("10s", 10), ("10", 10), ("2m", 120), ("0.5s", 0.5)])
def test_times_are_read(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "soon", "-1", "0", "nan", "inf"])
def test_times_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a time"):
        parse_seconds(text)


def play(height: AdaptiveHeight, clock: Hands, seconds: float, cost: float) -> list[int]:
    """Paint for ``seconds``; a frame takes ``cost`` seconds at 720 lines. The heights that were used."""
    used: list[int] = []
    end = clock.now + seconds
    while clock.now < end:
        now = height.for_picture(720) or 720
        spent = cost * (now / 720) ** 2
        used.append(now)
        clock.now += max(spent, 1 / 30)
        height.painted(spent)
    return used


def test_a_machine_that_keeps_up_paints_at_full_height(clock: Hands) -> None:
    assert set(play(AdaptiveHeight(30, clock=clock), clock, 20, 0.02)) == {720}


def test_a_slow_machine_paints_lower_and_settles(clock: Hands) -> None:
    height = AdaptiveHeight(30, clock=clock)
    used = play(height, clock, 60, 0.1)
    settled = used[len(used) // 3 :]
    assert 0.1 * (settled[-1] / 720) ** 2 < 1 / 30
    assert len(set(settled)) <= 2
    changes = sum(a != b for a, b in pairwise(settled))
    assert changes <= 2, "no pumping"


def test_the_height_comes_back_when_the_machine_is_free_again(clock: Hands) -> None:
    height = AdaptiveHeight(30, clock=clock)
    assert play(height, clock, 20, 0.1)[-1] < 500
    assert play(height, clock, 120, 0.01)[-1] == 720


def test_one_hiccup_changes_nothing(clock: Hands) -> None:
    height = AdaptiveHeight(30, clock=clock)
    play(height, clock, 5, 0.02)
    height.painted(2.0)
    assert set(play(height, clock, 5, 0.02)) == {720}


def test_a_fixed_height_and_no_target_are_left_alone(clock: Hands) -> None:
    assert set(play(AdaptiveHeight(30, fixed=360, clock=clock), clock, 10, 5.0)) == {360}
    assert AdaptiveHeight(None).for_picture(720) is None


def test_the_ladder_is_of_small_steps() -> None:
    steps = ladder(720)
    assert steps[0] == 720
    assert all(0.7 < low / high < 1 for high, low in pairwise(steps))
    assert ladder(120) == [120]


def live_frame(at: float, index: int = 0) -> Frame:
    return Frame(data=picture(9), pts=index, time_base=Fraction(1, 30), index=index, captured_at=at)


def test_a_frame_that_would_be_too_old_when_shown_makes_way_for_the_next(clock: Hands) -> None:
    fresh = Freshness(Fraction(30), clock=clock)
    fresh.painted(0.050)
    waiting: Channel[Frame] = Channel(1, newest=True)
    waiting.put(live_frame(clock.now, 1))
    assert fresh.newest(live_frame(clock.now - 0.005), waiting).index == 0
    assert fresh.newest(live_frame(clock.now - 0.030), waiting).index == 1
    assert fresh.newest(live_frame(clock.now - 0.030), waiting).index == 0, "none came: better that one than nothing"


def test_a_machine_that_is_too_slow_for_any_frame_paints_what_there_is(clock: Hands) -> None:
    fresh = Freshness(Fraction(30), clock=clock)
    fresh.painted(0.2)
    waiting: Channel[Frame] = Channel(1, newest=True)
    waiting.put(live_frame(clock.now, 1))
    assert fresh.newest(live_frame(clock.now - 0.030), waiting).index == 0


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


def test_the_viewer_turns_keys_and_mouse_into_actions() -> None:
    controls = Controls(Playlist.parse("wave", NAMES))
    viewer = WindowViewer(controls, StatsRecorder(), lambda: None)
    viewer.on_key("3")
    assert str(controls.playlist.current) == "udnie"
    viewer.on_pointer("wheel down", 0.3)
    assert controls.strength == 0.9
    viewer.on_pointer("double", 0.3)
    assert viewer.fullscreen
    viewer.on_key("x")
    assert controls.split == 0.3
    viewer.on_key("s")
    assert [controls.take_still(), controls.take_still()] == [True, False]
    viewer.on_key("?")
    viewer.on_key("escape")
    assert not controls.help
    assert not controls.stop.is_set(), "escape closed the help only"
    viewer.on_key("escape")
    assert controls.stop.is_set()
