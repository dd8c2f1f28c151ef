"""Faults: nothing that was painted is lost, and nothing unfinished bears the final name."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import numbered, read_film, small_stylizer, write_clip

from rtstyle.errors import SinkError, SourceError, UsageError
from rtstyle.frame import StreamInfo
from rtstyle.sinks.encoders import VideoOptions
from rtstyle.sinks.resuming import Ticket
from rtstyle.sources.reading import ReadOptions
from rtstyle.sources.video import VideoSource
from rtstyle.stylizer import Stylizer
from rtstyle.video.film import FilmOptions, paint_film

SLOW = """
import signal, sys, threading, time
sys.path.insert(0, {tests!r})
from clips import small_stylizer
from rtstyle.interrupt import interruptible
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


class StopAfter:
    """Interrupts a run once so many frames are written."""

    def __init__(self, frames: int) -> None:
        self.event = threading.Event()
        self._frames = frames

    def begin(self, info: StreamInfo) -> None:
        return None

    def step(self, frames: int, info: StreamInfo) -> None:
        if frames >= self._frames:
            self.event.set()


class Slow(Stylizer):
    """Takes its time, so that an interruption comes in the middle."""

    def paint(self, frames: np.ndarray, look: object = None) -> np.ndarray:
        time.sleep(0.01)
        return frames


@pytest.fixture(scope="module")
def slow() -> Slow:
    stylizer = small_stylizer()
    return Slow(stylizer.bank, stylizer.look)


def interrupted_run(source: Path, output: Path, stylizer: Stylizer, frames: int, options: FilmOptions) -> int:
    listener = StopAfter(frames)
    report = paint_film(str(source), output, stylizer, options, stop=listener.event, listener=listener)
    assert report.interrupted
    assert not output.exists()
    return report.frames


def start_slow_run(source: Path, output: Path) -> subprocess.Popen[str]:
    """A run of its own that has written a few frames."""
    code = SLOW.format(tests=str(Path(__file__).parent), source=str(source), output=str(output))
    run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent)
    assert run.stdout is not None
    for line in run.stdout:
        if line.startswith("6"):
            break
    return run


@pytest.mark.parametrize(("number", "extension"), [(signal.SIGINT, "mp4"), (signal.SIGTERM, "mkv")])
def test_an_interrupt_keeps_a_playable_partial_film(tmp_path: Path, number: int, extension: str) -> None:
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


@pytest.mark.parametrize(
    ("extension", "write"),
    [
        ("mp4", VideoOptions()),
        ("mkv", VideoOptions()),
        ("mp4", VideoOptions(codec="hevc")),
        ("webm", VideoOptions(codec="vp9")),
        ("mkv", VideoOptions(codec="ffv1")),
    ],
)
def test_resume_gives_the_film_that_was_meant(tmp_path: Path, slow: Slow, extension: str, write: VideoOptions) -> None:
    times = [2 * i + (i % 3 == 0) for i in range(40)]
    source = write_clip(tmp_path / "in.mp4", 40, times=times, time_base=Fraction(1, 50), audio=["aac"], options={"bf": "2"})
    output = tmp_path / f"out.{extension}"
    options = FilmOptions(write=write, resume=True)
    first = interrupted_run(source, output, slow, 9, options)
    second = interrupted_run(source, output, slow, 9, options)
    assert 9 <= first < second < 40
    report = paint_film(str(source), output, slow, options)
    assert report.frames == 40
    assert report.stats.frames == 40 - second
    before, after = read_film(source), read_film(output)
    assert [float(t) for t in after.times] == pytest.approx([float(t) for t in before.times], abs=0.0006)
    for old, new in zip(before.pictures, after.pictures, strict=True):
        assert np.abs(old.astype(int) - new).mean() < 2
    if extension != "webm":
        heard = [data for time, data in before.track("aac") if time >= 0 or extension == "mp4"]
        assert [data for _, data in after.track("aac")] == heard
    assert sorted(it.name for it in tmp_path.iterdir()) == ["in.mp4", output.name]


def test_resume_with_other_options_is_refused(tmp_path: Path, slow: Slow) -> None:
    source = write_clip(tmp_path / "in.mp4", 40)
    interrupted_run(source, tmp_path / "out.mp4", slow, 9, FilmOptions())
    for changed in (FilmOptions(resume=True, scale=0.5), FilmOptions(resume=True, write=VideoOptions(crf=30))):
        with pytest.raises(UsageError, match="other options"):
            paint_film(str(source), tmp_path / "out.mp4", slow, changed)
    assert Ticket.path(tmp_path / "out.mp4").exists()


def test_resume_without_anything_to_resume_starts(tmp_path: Path, slow: Slow) -> None:
    source = write_clip(tmp_path / "in.mp4")
    assert paint_film(str(source), tmp_path / "out.mp4", slow, FilmOptions(resume=True)).frames == 12


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


def _in_child(code: str, *arguments: str, limit: int | None = None) -> subprocess.CompletedProcess[str]:
    def limited() -> None:
        if limit is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    prelude = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    return subprocess.run(
        [sys.executable, "-c", prelude + code, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=limited,
        cwd=Path(__file__).parent.parent,
    )


FULL = """
from pathlib import Path
from clips import small_stylizer
from rtstyle.errors import SinkError
from rtstyle.sinks.encoders import VideoOptions
from rtstyle.video.film import FilmOptions, paint_film
for output in sys.argv[2:]:
    try:
        options = FilmOptions(write=VideoOptions(crf=0, preset="ultrafast"))
        paint_film(sys.argv[1], Path(output), small_stylizer(), options)
    except SinkError as error:
        print(error)
"""


def test_a_full_disk_is_one_clear_line(tmp_path: Path) -> None:
    noise = [np.random.default_rng(i).integers(0, 256, (96, 128, 3), dtype=np.uint8) for i in range(30)]
    source = write_clip(tmp_path / "in.mkv", noise, codec="ffv1", pixel_format="bgr0")
    outputs = [tmp_path / "out.mp4", tmp_path / "out.mkv"]
    run = _in_child(FULL, str(source), *map(str, outputs), limit=200_000)
    assert run.stderr == ""
    said = run.stdout.splitlines()
    assert len(said) == 2
    assert all(line.startswith(("cannot write", "cannot finish")) for line in said)
    assert not any(output.exists() for output in outputs)
    assert not list(tmp_path.glob(".*"))


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


def _damaged(path: Path, source: Path, places: Sequence[float]) -> Path:
    data = bytearray(source.read_bytes())
    for place in places:
        start = int(len(data) * place)
        data[start : start + 40] = bytes(range(40))
    path.write_bytes(data)
    return path


def test_damaged_packets_are_skipped_and_counted(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.ts", 60, options={"g": "10", "bf": "0"})
    source = _damaged(tmp_path / "in.ts", whole, [0.3, 0.5, 0.7])
    report = paint_film(str(source), tmp_path / "out.mp4", small_stylizer())
    assert report.damage.packets
    assert not report.complete
    assert 30 < report.frames <= 60
    with pytest.raises(SourceError):
        paint_film(str(source), tmp_path / "strict.mp4", small_stylizer(), FilmOptions(read=ReadOptions(strict=True)))
    assert not (tmp_path / "strict.mp4").exists()


@pytest.mark.parametrize("extension", ["mp4", "mkv", "avi"])
def test_a_truncated_film_is_painted_as_far_as_it_goes(tmp_path: Path, extension: str) -> None:
    options = {"movflags": "+faststart"} if extension == "mp4" else {}
    noise = [np.random.default_rng(i).integers(0, 256, (48, 64, 3), dtype=np.uint8) for i in range(50)]
    whole = write_clip(tmp_path / f"whole.{extension}", noise, container_options=options)
    source = tmp_path / f"in.{extension}"
    data = whole.read_bytes()
    source.write_bytes(data[: int(len(data) * 0.6)])
    report = paint_film(str(source), tmp_path / "out.mp4", small_stylizer())
    assert report.damage.truncated
    assert not report.complete
    assert 20 < report.frames < 50
    assert len(read_film(tmp_path / "out.mp4").times) == report.frames


def test_whole_films_are_not_called_truncated(tmp_path: Path) -> None:
    for name, options in (("a.mp4", {"bf": "2"}), ("b.mkv", {"bf": "3"}), ("c.avi", {"bf": "2"}), ("d.ts", {}), ("e.mov", {})):
        source = write_clip(tmp_path / name, 30, options=options, times=[i - 4 for i in range(30)] if name == "e.mov" else None)
        report = paint_film(str(source), tmp_path / f"out_{name[0]}.mp4", small_stylizer())
        assert report.complete, (name, str(report.damage))


def test_bombs_are_refused(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", [numbered(0, (256, 256))])
    with pytest.raises(SourceError, match="limit of 1,000 pixels"), VideoSource(source, ReadOptions(max_pixels=1000)):
        pass


def test_a_bomb_of_sixty_thousand_squared_is_refused_at_once(tmp_path: Path) -> None:
    # A PNG's header claims the size; nothing of it is allocated.
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(SourceError), VideoSource(bomb):
        pass
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


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
