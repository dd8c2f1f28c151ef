"""mp4's edit lists: what of a track is shown. One that repeats a header that is wrong would cut off frames that are there."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

WHOLE = {"advanced_editlist": "0"}
"""Asks libav to let edit lists move a track, but hide nothing of it."""
SLACK_SECONDS = Fraction(1, 20)
"""An edit list counts in units of its own, often 1/1000 s."""


def hidden_at_end(stream: Stream) -> int:
    """How many of a track's last packets its edit list hides."""
    entries = stream.index_entries
    shown = len(entries)
    while shown and entries[shown - 1].is_discard:
        shown -= 1
    return len(entries) - shown


def hides_an_end(container: InputContainer) -> bool:
    """Whether the pictures of a film go on behind the end that an edit list gives it."""
    return "mp4" in container.format.name and any(hidden_at_end(stream) for stream in container.streams.video)


def is_by_mistake(shown: InputContainer, whole: InputContainer) -> bool:
    """Whether edit lists end a film only because the length in its header is too short, not since somebody cut it: then the
    length of the media itself, which counts all that is there, would be longer. ``whole`` is the film opened with :data:`WHOLE`.
    """
    pairs = zip(shown.streams.video, whole.streams.video, strict=True)
    return all(_is_claimed_end(one, other) for one, other in pairs if hidden_at_end(one))


def _is_claimed_end(shown: Stream, whole: Stream) -> bool:
    # libav takes the shorter one of header and edit list; where it hides nothing, it is the header's.
    if shown.duration is None or whole.duration is None:
        return False
    begins_whole = not len(shown.index_entries) or not shown.index_entries[0].is_discard
    return begins_whole and (whole.duration - shown.duration) * Fraction(shown.time_base or 1) <= SLACK_SECONDS
