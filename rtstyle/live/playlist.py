"""Which styles the keys go through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rtstyle.errors import UsageError
from rtstyle.styles import StyleMix


@dataclass(frozen=True)
class Playlist:
    """Styles in order, and the one that is shown."""

    mixes: tuple[StyleMix, ...]
    position: int = 0

    @classmethod
    def parse(cls, text: str, others: Sequence[str]) -> Playlist:
        """``wave,scream``: these two. ``wave``: all there are (``others``), beginning with it. ``wave:0.7,scream:0.3``: that
        mix, then all.

        Raises :class:`UsageError` for an empty name.
        """
        names = [name.strip() for name in text.split(",")]
        if len(names) > 1 and not any(_is_share(name) for name in names):
            if not all(names):
                raise UsageError(f"style '{text}' has an empty name; write for example wave,scream")
            return cls(tuple(StyleMix.parse(name) for name in dict.fromkeys(names)))
        first = StyleMix.parse(text)
        rest = tuple(StyleMix.parse(name) for name in others)
        return cls(rest, rest.index(first)) if first in rest else cls((first, *rest))

    @property
    def current(self) -> StyleMix:
        """The style that is shown."""
        return self.mixes[self.position]

    @property
    def next(self) -> StyleMix:
        """The style after it, the first after the last."""
        return self.mixes[(self.position + 1) % len(self.mixes)]

    def moved(self, by: int) -> Playlist:
        """``by`` places on, round and round."""
        return replace(self, position=(self.position + by) % len(self.mixes))

    def at(self, position: int) -> Playlist:
        """At place ``position``; the same where there is no such place."""
        return replace(self, position=position) if 0 <= position < len(self.mixes) else self


def _is_share(item: str) -> bool:
    _, colon, number = item.rpartition(":")
    try:
        return bool(colon) and float(number) >= 0
    except ValueError:
        return False
