"""What a viewer sees over the picture: style, figures, messages, help, the before|after divider."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from rtstyle.frame import Frame
from rtstyle.live.controls import Controls
from rtstyle.live.panels import help_panel, notice_panel
from rtstyle.live.patches import ACCENT, DIM, INK, RED, Patch, lay, pill
from rtstyle.pixels import Pixels
from rtstyle.stats import StatsRecorder

REFRESH_SECONDS = 0.25
"""Figures that change faster cannot be read."""
DIVIDER = 2


@dataclass
class Figures:
    """The run's figures as text, renewed a few times a second."""

    recorder: StatsRecorder
    clock: Callable[[], float] = time.monotonic
    text: str = ""
    _at: float = -1.0

    def line(self) -> str:
        """``29.9 fps   41 ms   p95 55 ms``; empty before there is anything to say."""
        now = self.clock()
        if now >= self._at + REFRESH_SECONDS:
            self._at = now
            fps, latency = self.recorder.recent_fps(), self.recorder.latency()
            parts = [f"{fps:.1f} fps"] if fps else []
            if latency:
                parts.append(f"p50 {latency[0] * 1000:.0f} ms")
                parts.append(f"p95 {latency[1] * 1000:.0f} ms")
            self.text = "   ".join(parts)
        return self.text


def text_size(height: int) -> int:
    """Text height in pixels that reads well on a picture of ``height``."""
    return min(40, max(10, round(height / 26)))


def compose(frame: Frame, controls: Controls, figures: Figures, recording_for: float | None) -> Pixels:
    """A copy of the frame's picture with everything over it; the frame itself is not touched."""
    picture = frame.data.copy()
    rows, cols = picture.shape[:2]
    size = text_size(rows)
    if controls.split is not None and frame.original is not None:
        _split(picture, frame.original, controls.split, size)
    if controls.overlay:
        margin = size // 2 + 2
        bottom = rows - margin - round(size * 1.75)
        lay(picture, _style_pill(controls, size), bottom, margin)
        line = figures.line()
        if line:
            right = pill(((line, INK),), size)
            lay(picture, right, bottom, cols - margin - right.size[1])
        _status(picture, controls, size, margin, recording_for, tuple(figures.recorder.failed_sinks))
    if controls.message:
        _centred(picture, pill(((controls.message, INK),), size), 0.85)
    if controls.help:
        _centred(picture, _fitting(help_panel, size, rows, cols), 0.5)
    return picture


def draw_notice(picture: Pixels, notice: str) -> Pixels:
    """A copy of ``picture`` with the notice on it, which every output is to show."""
    copy = picture.copy()
    _centred(copy, notice_panel(notice, round(text_size(copy.shape[0]) * 1.2)), 0.5)
    return copy


def _style_pill(controls: Controls, size: int) -> Patch:
    playlist = controls.playlist
    name = str(playlist.current) if not controls.blending else f"{playlist.current} + {playlist.next}"
    parts = [(f"{playlist.position + 1}", ACCENT), (name.replace("_", " "), INK)]
    if controls.strength != 1.0:
        parts.append((f"{controls.strength:.0%}", DIM))
    return pill(tuple(parts), size)


def _status(
    picture: Pixels, controls: Controls, size: int, margin: int, recording_for: float | None, lost: tuple[str, ...]
) -> None:
    """Badges in the upper right corner, right to left; ``lost``: outputs that failed and are gone for good."""
    left = picture.shape[1] - margin
    badges: list[Patch] = []
    if recording_for is not None:
        minutes, seconds = divmod(int(recording_for), 60)
        badges.append(pill(((f"{minutes}:{seconds:02}", INK),), size, RED))
    if controls.frozen:
        badges.append(pill((("frozen", INK),), size))
    badges += [pill(((f"{name} lost", RED),), size) for name in lost]
    for badge in badges:
        left -= badge.size[1]
        lay(picture, badge, margin, left)
        left -= margin
    if not controls.help:
        hint = pill((("?", ACCENT), ("help", DIM)), size)
        lay(picture, hint, margin, margin)


def _split(picture: Pixels, original: Pixels, share: float, size: int) -> None:
    """The unpainted picture left of the divider."""
    cols = picture.shape[1]
    at = round(share * cols)
    picture[:, :at] = original[:, :at]
    picture[:, max(0, at - DIVIDER // 2) : at + DIVIDER // 2] = 255
    y = round(picture.shape[0] * 0.12)
    before, after = pill((("before", INK),), size), pill((("after", INK),), size)
    lay(picture[:, :at], before, y, at - before.size[1] - size)
    lay(picture[:, at:], after, y, size)


def _centred(picture: Pixels, patch: Patch, share: float) -> None:
    height, width = patch.size
    rows, cols = picture.shape[:2]
    lay(picture, patch, round((rows - height) * share), (cols - width) // 2)


def _fitting(make: Callable[[int], Patch], size: int, rows: int, cols: int) -> Patch:
    """The panel at the largest text size up to ``size`` that fits the picture."""
    patch = make(size)
    scale = min(1.0, 0.96 * rows / patch.size[0], 0.96 * cols / patch.size[1])
    return patch if scale == 1.0 else make(max(6, int(size * scale)))
