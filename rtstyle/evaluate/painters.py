"""The looks that a request for evaluation names, each as a function that paints."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from rtstyle.devices import resolve_device, resolve_tier
from rtstyle.evaluate.labels import labels, style_name
from rtstyle.evaluate.perceptual import PaintStill
from rtstyle.styles import NONE, StyleBank, StyleMix
from rtstyle.stylizer import Look, Stylizer


def open_painters(
    styles: str | None, *, tier: str = "auto", device: str = "auto", weights: Path | None = None, strength: float = 1.0
) -> tuple[Stylizer, dict[str, PaintStill]]:
    """A Stylizer, and a painter for each look of ``styles``, as :func:`open_looks` reads them."""
    stylizer, looks = open_looks(styles, tier=tier, device=device, weights=weights, strength=strength)
    return stylizer, {label: partial(stylizer.paint, look=look) for label, look in looks.items()}


def open_looks(
    styles: str | None, *, tier: str = "auto", device: str = "auto", weights: Path | None = None, strength: float = 1.0
) -> tuple[Stylizer, dict[str, Look]]:
    """A Stylizer and the looks of ``styles`` (``wave,scream``; every style of the tier when None) by name.

    A style file goes by the name of the file, or by its path where another look has that name. Raises
    :class:`UsageError` and :class:`WeightsError` as opening a bank does.
    """
    where = resolve_device(device)
    every = StyleMix.parse(styles or NONE)
    bank = StyleBank.open(every, tier=resolve_tier(tier, every, where, weights), folder=weights)
    mixes = StyleMix.parse_list(styles) if styles else tuple(StyleMix.parse(name) for name in bank.names)
    stylizer = Stylizer(bank, Look(mix=mixes[0], strength=strength), device=where)
    names = labels([str(mix) for mix in mixes], style_name)
    return stylizer, {name: stylizer.look.changed(mix=mix) for name, mix in zip(names, mixes, strict=True)}
