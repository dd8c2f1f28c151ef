"""Cross-fades in style space: a style is a vector, so a fade is a mix whose shares move."""

from __future__ import annotations

from dataclasses import dataclass

from rtstyle.styles import StyleMix

FADE_SECONDS = 0.5
SMALLEST_SHARE = 1e-3


def blend(first: StyleMix, second: StyleMix, share: float) -> StyleMix:
    """``first`` at ``1 - share`` and ``second`` at ``share`` in [0, 1]; styles that both have are added up."""
    shares: dict[str, float] = {}
    for mix, weight in ((first, 1.0 - share), (second, share)):
        for name, part in mix.parts:
            shares[name] = shares.get(name, 0.0) + weight * part
    kept = {name: part for name, part in shares.items() if part > SMALLEST_SHARE}
    total = sum(kept.values())
    return StyleMix(tuple((name, part / total) for name, part in kept.items()))


@dataclass(frozen=True)
class Fade:
    """The way from one mix to another; begun again in the middle it starts from where it is."""

    start: StyleMix
    end: StyleMix
    begun: float
    seconds: float = FADE_SECONDS

    def at(self, now: float) -> StyleMix:
        """The mix at ``now`` (seconds of the clock of ``begun``), easing in and out."""
        if self.start == self.end or now >= self.begun + self.seconds:
            return self.end
        t = max(0.0, (now - self.begun) / self.seconds)
        return blend(self.start, self.end, t * t * (3.0 - 2.0 * t))

    def towards(self, end: StyleMix, now: float) -> Fade:
        """A fade from the present mix to ``end``."""
        return Fade(self.at(now), end, now, self.seconds)
