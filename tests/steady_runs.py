"""Long runs that watch the memory and the threads of their own process; ``python tests/steady_runs.py film|live ENGINE``."""

from __future__ import annotations

import gc
import json
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import torch
from clips import write_clip
from live_parts import LiveFrames, Screen, tiny_stylizer

from rtstyle.engines import Engine, open_engine
from rtstyle.frame import Frame, StreamInfo
from rtstyle.live.adaptive import AdaptiveHeight
from rtstyle.live.controls import Controls
from rtstyle.live.painter import LivePainter
from rtstyle.live.playlist import Playlist
from rtstyle.live.viewer import WindowViewer
from rtstyle.pipeline import run
from rtstyle.stats import StatsRecorder
from rtstyle.stylizer import Stylizer
from rtstyle.video.film import FilmOptions, paint_film

FILM_MARKS = 200, 2000
LIVE_MARKS = 1000, 10_000


class Watch:
    """Notes resident kilobytes (native memory included) and threads (native ones included) at given frames."""

    def __init__(self, marks: tuple[int, ...]) -> None:
        self.marks = marks
        self.seen: list[tuple[int, int]] = []

    def begin(self, info: StreamInfo) -> None:
        return None

    def step(self, frames: int, info: object) -> None:
        if frames in self.marks:
            gc.collect()
            status = Path("/proc/self/status").read_text()
            figures = {
                line.split(":")[0]: line.split()[1] for line in status.splitlines() if ":" in line and len(line.split()) > 1
            }
            self.seen.append((int(figures["VmRSS"]), int(figures["Threads"])))


def film(stylizer: Stylizer) -> Watch:
    watch = Watch(FILM_MARKS)
    with tempfile.TemporaryDirectory() as folder:
        clip = write_clip(Path(folder) / "in.mp4", FILM_MARKS[-1] + 100, options={"preset": "ultrafast"})
        paint_film(str(clip), Path(folder) / "out.mp4", stylizer, FilmOptions(), listener=watch)
    return watch


class Viewed(Screen):
    """Draws the overlay as the window does, and keeps nothing."""

    def __init__(self, controls: Controls, recorder: StatsRecorder) -> None:
        super().__init__()
        self.viewer = WindowViewer(controls, recorder, lambda: None)
        self.last = -1
        self.ready = threading.Semaphore(0)

    def write(self, frame: Frame) -> None:
        assert frame.index > self.last
        self.viewer.compose(frame)
        self.last = frame.index
        self.ready.release()


def live(stylizer: Stylizer) -> Watch:
    """Ten thousand frames, each shown before the next is made, so that all of them pass."""
    watch, recorder = Watch(LIVE_MARKS), StatsRecorder()
    controls = Controls(Playlist.parse("one", ["one", "two"]), cycle=0.5)
    screen = Viewed(controls, recorder)

    class Lockstep(LiveFrames):
        def __iter__(self) -> Iterator[Frame]:
            for frame in super().__iter__():
                yield frame
                screen.ready.acquire(timeout=10)

    with Lockstep(LIVE_MARKS[-1] + 100, size=(32, 48)) as source:
        # Without a rate there are no intervals, and no frame is too late on a busy machine.
        source.info = StreamInfo(size=source.info.size, time_base=source.info.time_base, rate=None, live=True)
        painter = LivePainter(stylizer, controls, AdaptiveHeight(None))
        run(source, stylizer, [screen], recorder=recorder, painter=painter, progress=watch.step)
    return watch


def main() -> None:
    torch.set_num_threads(1)
    stylizer = tiny_stylizer()
    engine: Engine = open_engine(sys.argv[2], stylizer.bank.network, torch.device("cpu"))
    stylizer.engine = engine
    watch = {"film": film, "live": live}[sys.argv[1]](stylizer)
    sys.stdout.write(json.dumps(watch.seen) + "\n")


if __name__ == "__main__":
    main()
