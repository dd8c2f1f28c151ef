"""Faults: nothing that was painted is lost, and nothing unfinished bears the final name."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from av.error import InvalidDataError
from clips import read_film, small_stylizer, write_clip
from film_runs import Slow, StopAfter, interrupted_run

from rtstyle.errors import SinkError, SourceError, UsageError
from rtstyle.frame import StreamInfo
from rtstyle.sinks.copying import TrackCopier
from rtstyle.system.interrupt import ending_signals, interruptible
from rtstyle.video.film import FilmOptions, paint_film

SLOW = """
import signal, sys, threading, time
sys.path.insert(0, {tests!r})
from clips import small_stylizer
from rtstyle.system.interrupt import interruptible
from rtstyle.video.film import FilmOptions, paint_film
stylizer = small_stylizer()
paint = stylizer.paint
def slowly(frames, look=None):
    time.sleep(0.05)
    return paint(frames, look)
stylizer.paint = slowly
class Listener:
    def begin(self, info): pass
    def step(self, frames, info): print(frames, flush=True)
stop = threading.Event()
with interruptible(stop):
    report = paint_film({source!r}, {output!r}, stylizer, FilmOptions(), stop=stop, listener=Listener())
print("interrupted" if report.interrupted else "done", report.frames, report.output, flush=True)
"""


@pytest.fixture(scope="module")
def slow() -> Slow:
    stylizer = small_stylizer()
    return Slow(stylizer.bank, stylizer.look)


def start_slow_run(source: Path, output: Path) -> subprocess.Popen[str]:
    """A run of its own that has written a few frames."""
    code = SLOW.format(tests=str(Path(__file__).parent), source=str(source), output=str(output))
    run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent)
    assert run.stdout is not None
    for line in run.stdout:
        if line.startswith("6"):
            break
    return run


@pytest.mark.parametrize("number", ending_signals())
def test_an_interrupt_keeps_a_playable_partial_film(tmp_path: Path, number: int) -> None:
    extension = "mkv" if number == signal.SIGTERM else "mp4"
    source = write_clip(tmp_path / "in.mp4", 60, audio=["aac"])
    run = start_slow_run(source, tmp_path / f"out.{extension}")
    run.send_signal(number)
    said, _ = run.communicate(timeout=30)
    assert run.returncode == 0
    _, frames, name = said.strip().splitlines()[-1].split(" ", 2)
    assert Path(name) == tmp_path / f"out.partial.{extension}"
    film = read_film(Path(name))
    assert 5 < len(film.times) == int(frames) < 60
    assert film.track("aac")
    assert sorted(it.suffix for it in tmp_path.iterdir() if "partial" in it.name) == sorted([".json", f".{extension}"])
    assert not list(tmp_path.glob(".*"))


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGHUP")
def test_a_closed_terminal_does_not_end_what_nohup_keeps() -> None:
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible() as interrupted:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not interrupted()
    finally:
        signal.signal(signal.SIGHUP, previous)


@pytest.mark.parametrize("extension", ["mp4", "mkv"])
def test_the_chapters_of_a_partial_film_end_with_it(tmp_path: Path, slow: Slow, extension: str) -> None:
    chapters = [(0.0, 0.2, "one"), (0.2, 3.0, "two"), (3.0, 60.0, "three")]
    source = write_clip(tmp_path / "in.mkv", 100, audio=["aac"], chapters=chapters)
    frames = interrupted_run(source, tmp_path / f"out.{extension}", slow, 9, FilmOptions(resume=True))
    film = read_film(tmp_path / f"out.partial.{extension}")
    assert film.chapters == [(0.0, 0.2, "one"), (0.2, pytest.approx(frames / 25, abs=0.002), "two")]
    assert film.seconds < 3
    paint_film(str(source), tmp_path / f"out.{extension}", slow, FilmOptions(resume=True))
    assert [title for *_, title in read_film(tmp_path / f"out.{extension}").chapters] == ["one", "two", "three"]


def test_a_killed_run_leaves_nothing_under_the_final_name(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 60)
    run = start_slow_run(source, tmp_path / "out.mp4")
    run.kill()
    run.wait(10)
    assert not (tmp_path / "out.mp4").exists()
    leftover = tmp_path / f".out.{run.pid}.unfinished.mp4"  # there already or not, as far as the encoder had come
    leftover.touch()
    # The next run clears up.
    paint_film(str(source), tmp_path / "out.mp4", small_stylizer())
    assert sorted(it.name for it in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]


def test_sound_that_cannot_be_finished_does_not_cost_the_picture(
    tmp_path: Path, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = write_clip(tmp_path / "in.mp4", 20, audio=["aac"]), tmp_path / "out.mp4"
    copy = TrackCopier.copy

    def broken(self: TrackCopier, until: Fraction | None) -> None:
        if until is None:
            raise InvalidDataError(1, "broken sound")
        copy(self, until)

    with monkeypatch.context() as patch:
        patch.setattr(TrackCopier, "copy", broken)
        with pytest.raises(SinkError, match=r"broken sound; 20 frames are kept in .*out\.partial\.mp4"):
            paint_film(str(source), output, slow)
    assert len(read_film(tmp_path / "out.partial.mp4").times) == 20
    assert not output.exists()
    assert paint_film(str(source), output, slow, FilmOptions(resume=True)).complete


def test_a_failing_painter_keeps_what_was_painted(tmp_path: Path) -> None:
    class Failing(Slow):
        count = 0

        def paint(self, frames: np.ndarray, look: object = None) -> np.ndarray:
            self.count += 1
            if self.count > 20:
                raise SourceError("the painter broke")
            time.sleep(0.005)
            return frames

    stylizer = small_stylizer()
    source = write_clip(tmp_path / "in.mp4", 40)
    with pytest.raises(SourceError, match=r"the painter broke; \d+ frames are kept in .*out\.partial\.mp4"):
        paint_film(str(source), tmp_path / "out.mp4", Failing(stylizer.bank, stylizer.look))
    assert len(read_film(tmp_path / "out.partial.mp4").times) > 5
    assert not (tmp_path / "out.mp4").exists()


def test_a_folder_that_vanishes_is_one_clear_line(tmp_path: Path, slow: Slow) -> None:
    source = write_clip(tmp_path / "in.mp4", 40)
    folder = tmp_path / "gone"
    folder.mkdir()

    class Remove(StopAfter):
        def step(self, frames: int, info: StreamInfo) -> None:
            if frames == 10:
                shutil.rmtree(folder)

    with pytest.raises(SinkError, match=r"out\.mp4"):
        paint_film(str(source), folder / "out.mp4", slow, listener=Remove(0))


def test_an_input_that_vanishes_is_read_to_its_end(tmp_path: Path, slow: Slow) -> None:
    source = write_clip(tmp_path / "in.mp4", 40)

    class Remove(StopAfter):
        def step(self, frames: int, info: StreamInfo) -> None:
            if frames == 5 and source.exists():
                source.unlink()

    report = paint_film(str(source), tmp_path / "out.mp4", slow, listener=Remove(0))
    assert report.frames == 40


def test_inputs_and_outputs_that_cannot_be(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 3)
    text = tmp_path / "notes.mp4"
    text.write_text("not a film")
    cases: list[tuple[str, Path, type[Exception], str]] = [
        (str(tmp_path / "absent.mp4"), tmp_path / "out.mp4", UsageError, "there is no file"),
        (str(text), tmp_path / "out.mp4", SourceError, "no video"),
        (str(source), source, UsageError, "is the input"),
        (str(source), tmp_path / "absent" / "out.mp4", UsageError, "does not exist"),
        (str(source), tmp_path / "out.xyz", UsageError, ".mp4"),
    ]
    for film, output, error, words in cases:
        with pytest.raises(error, match=words):
            paint_film(film, output, small_stylizer(), replace(FilmOptions(), overwrite=True))
    with pytest.raises(UsageError, match="--overwrite"):
        paint_film(str(source), text, small_stylizer())
    assert sorted(os.listdir(tmp_path)) == ["in.mp4", "notes.mp4"]
