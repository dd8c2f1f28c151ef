"""Nothing old is ever painted or shown: a paced 30 fps source of 640x360 before the bundled live network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from live_parts import LiveFrames, Screen, tiny_stylizer

from rtstyle.bench.live import live_line, time_live
from rtstyle.frame import Frame
from rtstyle.live.adaptive import AdaptiveHeight
from rtstyle.live.controls import Controls
from rtstyle.live.painter import LivePainter
from rtstyle.live.playlist import Playlist
from rtstyle.live.session import Outputs, Session, summary
from rtstyle.pipeline import run
from rtstyle.stylizer import Stylizer

FRAMES = 90


class Counting(LiveFrames):
    """Knows which frame is its newest."""

    newest = -1

    def __iter__(self) -> Iterator[Frame]:
        for frame in super().__iter__():
            self.newest = frame.index
            yield frame


class Watching(LivePainter):
    """Notes how far behind the camera a frame is when its painting begins, in frames, and which was painted last."""

    source: Counting

    def paint_frames(self, frames: Sequence[Frame]) -> Sequence[Frame]:
        self.behind = [*getattr(self, "behind", []), self.source.newest - frames[0].index]
        painted = super().paint_frames(frames)
        self.last = frames[0].index
        return painted


class WatchingScreen(Screen):
    """Notes how far behind the painter a frame is when it is shown."""

    def __init__(self, painter: Watching) -> None:
        super().__init__()
        self.painter = painter
        self.behind: list[int] = []

    def write(self, frame: Frame) -> None:
        self.behind.append(self.painter.last - frame.index)
        super().write(frame)


def test_the_newest_frame_is_painted_and_the_newest_painting_shown() -> None:
    """Age is counted in frames, not in seconds: that holds on a machine of any speed and under any load.

    A frame waits at most one interval before its painting begins and none after; with a painting time below one interval,
    which the adaptive height brings about, it is shown within two intervals.
    """
    stylizer = Stylizer.open("wave")
    controls = Controls(Playlist.parse("wave", stylizer.bank.names))
    source = Counting(FRAMES, interval=1 / 30, size=(360, 640))
    painter = Watching(stylizer, controls, AdaptiveHeight(30))
    painter.source = source
    screen = WatchingScreen(painter)
    with source:
        stats = run(source, stylizer, [screen], painter=painter)
    shown = [frame.index for frame in screen.frames]
    assert shown == sorted(set(shown))
    # The reader may have taken its next frame in the instant between the painter's taking one and our looking.
    assert max(painter.behind) <= 2
    assert float(np.mean(painter.behind)) < 1
    assert max(screen.behind) <= 1
    assert stats.latency_p50 is not None


def test_the_benchmark_tells_ages_and_order() -> None:
    stylizer = tiny_stylizer()
    shown = time_live(1.0, stylizer.bank, stylizer.engine)
    assert shown["in_order"]
    assert 0 < shown["displayed"] <= shown["captured"] == 60
    assert 0 < shown["p50_ms"] <= shown["p95_ms"] <= shown["max_ms"]
    assert "in order" in live_line(shown)


def test_a_session_records_and_reports(tmp_path: Path) -> None:
    stylizer = Stylizer.open("wave")
    controls = Controls(Playlist.parse("wave,scream", stylizer.bank.names), recording=True)
    session = Session(
        LiveFrames(40, interval=0.02, size=(96, 128)),
        stylizer,
        controls,
        AdaptiveHeight(None),
        Outputs(window=False, record=tmp_path / "out.mp4", folder=tmp_path),
        announce=lambda _text: None,
    )
    report = session.run()
    assert report.saved == (tmp_path / "out.mp4",)
    assert "frames in" in summary(report)


def test_a_fade_paints_what_lies_between_the_styles() -> None:
    stylizer = Stylizer.open("wave")
    data = np.tile(np.linspace(0, 255, 96).astype(np.uint8)[None, :, None], (64, 1, 3))
    from rtstyle.live.fade import blend
    from rtstyle.styles import StyleMix

    wave, scream = StyleMix.parse("wave"), StyleMix.parse("scream")
    looks = [stylizer.look.changed(mix=blend(wave, scream, share)) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    pictures = [stylizer.paint_one(data, look).astype(int) for look in looks]
    whole = np.abs(pictures[0] - pictures[-1]).mean()
    steps = [np.abs(first - second).mean() for first, second in pairwise(pictures)]
    assert whole > 5
    assert max(steps) < whole
    assert pytest.approx(0, abs=1e-6) == np.abs(pictures[0] - stylizer.paint_one(data).astype(int)).max()
