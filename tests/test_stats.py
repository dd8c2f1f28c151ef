"""Numbers that sum up a run."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rtstyle.stats import percentile


@pytest.mark.parametrize(
    ("values", "share", "found"),
    [(range(1, 21), 0.95, 19), (range(1, 21), 0.5, 10), (range(1, 10), 0.5, 5), ([7], 0.95, 7), (range(1, 101), 0.95, 95)],
)
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(values: Sequence[int], share: float, found: int) -> None:
    assert percentile(values, share) == found
