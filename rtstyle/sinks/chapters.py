"""The chapters of a film that is cut, interrupted or moved in time."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.container.core import Chapter


def chapters_before(end: Fraction | None, chapters: Sequence[Chapter]) -> list[Chapter]:
    """What of each chapter lies before ``end`` seconds: an mp4 lasts as long as its chapters do."""
    if end is None:
        return list(chapters)
    kept: list[Chapter] = []
    for chapter in chapters:
        last = round(end / Fraction(chapter["time_base"] or Fraction(1, 1000)))
        if chapter["start"] < last:
            kept.append({**chapter, "end": min(chapter["end"], last)})
    return kept


def moved_chapter(chapter: Chapter, shift: Fraction) -> Chapter | None:
    """The chapter ``shift`` seconds later; None where it ends before the film begins."""
    unit = Fraction(chapter["time_base"] or Fraction(1, 1000))
    moved = round(shift / unit)
    if chapter["end"] + moved <= 0:
        return None
    return {**chapter, "start": max(0, chapter["start"] + moved), "end": chapter["end"] + moved}
