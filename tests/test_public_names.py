"""What ``import rtstyle`` offers."""

from __future__ import annotations

import pytest

import rtstyle


def test_public_names_are_sorted_few_and_there() -> None:
    assert rtstyle.__all__ == sorted(rtstyle.__all__)
    assert len(rtstyle.__all__) <= 12
    for name in rtstyle.__all__:
        assert getattr(rtstyle, name).__name__ == name


def test_other_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'paint'"):
        rtstyle.paint  # noqa: B018
