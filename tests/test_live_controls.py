"""Keys, cross-fades, the playlist and the viewer: what a person does to a live session."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from live_parts import Hands, picture

from rtstyle.errors import UsageError
from rtstyle.frame import Frame
from rtstyle.live.controls import Controls
from rtstyle.live.fade import blend
from rtstyle.live.keys import BINDINGS, Action, action_of
from rtstyle.live.playlist import Playlist
from rtstyle.live.start import parse_seconds
from rtstyle.live.viewer import WindowViewer
from rtstyle.stats import StatsRecorder
from rtstyle.styles import StyleMix

NAMES = ("wave", "scream", "udnie")


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


def test_the_viewer_shows_that_an_output_is_lost() -> None:
    recorder = StatsRecorder()
    viewer = WindowViewer(Controls(Playlist.parse("wave", NAMES)), recorder, lambda: None)
    frame = Frame(picture(90, 360, 640), 0, Fraction(1, 30), index=0)
    before = viewer.compose(frame)
    recorder.failed_sinks["stream to rtmp"] = "Connection refused"
    changed = np.argwhere((viewer.compose(frame) != before).any(axis=2))
    assert len(changed)
    assert changed[:, 0].max() < 60
    assert changed[:, 1].min() > 320, "in the upper right corner"


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
