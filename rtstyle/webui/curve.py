"""A loss curve as SVG that takes its colours from the page, dark or light."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import NamedTuple

WIDTH, HEIGHT = 720, 220
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 14, 34
TICKS = 4


class Curve(NamedTuple):
    """A named line through points (x, y)."""

    name: str
    points: Sequence[tuple[float, float]]


def curve_svg(curve: Curve, *, level: tuple[str, float], end: float, across: str, up: str) -> str:
    """Draw ``curve`` with y on a logarithmic scale, and ``level`` (name, y) as a dashed line across.

    The frame reaches to x = ``end`` from the beginning, so that a curve that is still being measured grows into it.
    """
    floor = 1e-6
    xs = [x for x, _ in curve.points]
    ys = [math.log10(max(y, floor)) for _, y in curve.points]
    mark = math.log10(max(level[1], floor))
    low, high = min([*ys, mark]), max([*ys, mark])
    pad = 0.08 * (high - low) or 0.1
    low, high = low - pad, high + pad
    first, last = min(xs), max([*xs, end, min(xs) + 1])

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + (x - first) / (last - first) * (WIDTH - LEFT - RIGHT),
            TOP + (high - y) / (high - low) * (HEIGHT - TOP - BOTTOM),
        )

    line = " ".join(f"{px:.1f},{py:.1f}" for px, py in (place(x, y) for x, y in zip(xs, ys, strict=True)))
    _, level_y = place(first, mark)
    parts = [
        f'<svg class="rt-curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{html.escape(f"{up} of {curve.name} and of {level[0]} over {across}", quote=True)}">'
    ]
    for step in range(TICKS + 1):
        value = low + (high - low) * step / TICKS
        _, y = place(first, value)
        parts.append(f'<line class="rt-grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10**value:.2g}</text>')
    for step in range(TICKS + 1):
        value = first + (last - first) * step / TICKS
        x, _ = place(value, low)
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{value:.0f}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH) / 2:.0f}" y="{HEIGHT - 3}" text-anchor="middle">{html.escape(across)}</text>')
    parts.append(f'<line class="rt-level" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{level_y:.1f}" y2="{level_y:.1f}"/>')
    name = html.escape(level[0])
    parts.append(f'<text class="rt-level-name" x="{WIDTH - RIGHT - 4}" y="{level_y - 6:.1f}" text-anchor="end">{name}</text>')
    parts.append(f'<polyline class="rt-line" points="{line}"/></svg>')
    return "".join(parts)
