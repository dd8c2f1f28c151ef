"""The larger panels: help and notices."""

from __future__ import annotations

from functools import lru_cache

from PIL import Image

from rtstyle.live.keys import BINDINGS, Binding
from rtstyle.live.patches import ACCENT, DIM, INK, SOLID_PANEL, TRACK, Patch, draw_text, rounded, text_width

# Not the wheel, which changes the strength in windows of some systems and zooms in those of Qt.
HINTS = "double click: full screen"


@lru_cache(maxsize=8)
def help_panel(size: int) -> Patch:
    """All keys, in columns by group; ``size`` is the height of the text in pixels."""
    groups: dict[str, list[Binding]] = {}
    for binding in BINDINGS:
        groups.setdefault(binding.group, []).append(binding)
    line, pad, key_width = round(size * 1.75), round(size * 1.4), round(size * 4.6)
    columns = [(name, rows, key_width + max(text_width(row.action.value, size) for row in rows)) for name, rows in groups.items()]
    gap = round(size * 1.6)
    width = 2 * pad + sum(column for _, _, column in columns) + gap * (len(columns) - 1)
    height = 2 * pad + line * (max(len(rows) for _, rows, _ in columns) + 2)
    panel = rounded((height, width), size, SOLID_PANEL)
    x = pad
    for name, rows, column in columns:
        draw_text(panel, (x, pad + line * 0.4), name, size, ACCENT)
        for index, row in enumerate(rows):
            y = pad + line * (index + 1.6)
            _draw_key(panel, (x, y), row.shown, size)
            draw_text(panel, (x + key_width, y), row.action.value, size, INK)
        x += column + gap
    draw_text(panel, (width / 2, height - pad), HINTS, size, DIM, anchor="mm")
    return Patch.from_image(panel)


def _draw_key(panel: Image.Image, at: tuple[int, float], shown: str, size: int) -> None:
    x, y = at
    cap_height = round(size * 1.4)
    cap_width = max(cap_height, text_width(shown, size) + size)
    cap = rounded((cap_height, cap_width), round(size * 0.35), TRACK)
    panel.alpha_composite(cap, (x, round(y - cap_height / 2)))
    draw_text(panel, (x + cap_width / 2, y), shown, size, INK, anchor="mm")


@lru_cache(maxsize=32)
def notice_panel(text: str, size: int) -> Patch:
    """A line that nobody can miss."""
    pad = round(size * 1.1)
    panel = rounded((round(size * 2.6), text_width(text, size) + 2 * pad), round(size * 0.8), SOLID_PANEL)
    draw_text(panel, (panel.width / 2, panel.height / 2), text, size, ACCENT, anchor="mm")
    return Patch.from_image(panel)
