"""The progress bar never stands in the way of the film."""

from __future__ import annotations

import sys

import pytest

from rtstyle.video.progress import Bar


class Closed:
    """A pipe whose reader has gone."""

    def write(self, text: str) -> None:
        raise BrokenPipeError

    def flush(self) -> None:
        raise BrokenPipeError

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return 2


@pytest.mark.timeout(20)
def test_a_reader_that_goes_does_not_stop_the_film(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Closed())
    with Bar() as bar:
        bar.expect(10)
        bar.expect(5)
