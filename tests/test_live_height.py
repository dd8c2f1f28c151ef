"""The painted height goes down and up with what the machine can do, without pumping."""

from __future__ import annotations

from itertools import pairwise

import pytest
from live_parts import Hands

from rtstyle.live.adaptive import AdaptiveHeight, ladder


@pytest.fixture
def clock() -> Hands:
    return Hands()


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


def test_what_steadying_takes_is_not_left_for_painting(clock: Hands) -> None:
    height = AdaptiveHeight(30, clock=clock)
    for _ in range(300):
        now = height.for_picture(720) or 720
        spent = 0.025 * (now / 720) ** 2
        clock.now += spent + 0.02
        height.painted(spent, besides=0.02)
    assert 0.025 * ((height.for_picture(720) or 720) / 720) ** 2 + 0.02 < 1 / 30


def test_one_hiccup_changes_nothing(clock: Hands) -> None:
    height = AdaptiveHeight(30, clock=clock)
    play(height, clock, 5, 0.02)
    height.painted(2.0)
    assert set(play(height, clock, 5, 0.02)) == {720}


def test_a_step_up_is_not_taken_back_for_an_engine_that_stands_in(clock: Hands) -> None:
    height = AdaptiveHeight(30, clock=clock)
    low = play(height, clock, 20, 0.1)[-1]
    while height.for_picture(720) == low:
        clock.now += 1 / 30
        height.painted(0.01)
    raised = height.for_picture(720)
    for _ in range(40):
        clock.now += 0.1
        height.painted(0.1, warming=True)
    assert height.for_picture(720) == raised, "the faster engine is on its way"
    for _ in range(40):
        clock.now += 0.1
        height.painted(0.1)
    assert (height.for_picture(720) or 720) < (raised or 720)


def test_a_stand_in_that_is_too_slow_paints_lower_all_the_same(clock: Hands) -> None:
    height = AdaptiveHeight(30, clock=clock)
    height.for_picture(720)
    for _ in range(40):
        clock.now += 0.1
        height.painted(0.1, warming=True)
    assert (height.for_picture(720) or 720) < 720


def test_a_fixed_height_and_no_target_are_left_alone(clock: Hands) -> None:
    assert set(play(AdaptiveHeight(30, fixed=360, clock=clock), clock, 10, 5.0)) == {360}
    assert AdaptiveHeight(None).for_picture(720) is None


def test_the_ladder_is_of_small_steps() -> None:
    steps = ladder(720)
    assert steps[0] == 720
    assert all(0.7 < low / high < 1 for high, low in pairwise(steps))
    assert ladder(120) == [120]
