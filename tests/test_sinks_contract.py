"""What every sink promises, tried on each of them; recordings and stills as their users see them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from sink_parts import INFO, frames, send

from rtstyle.errors import SinkError, UsageError
from rtstyle.sinks.base import Sink
from rtstyle.sinks.broadcast import BroadcastSink
from rtstyle.sinks.memory import MemorySink
from rtstyle.sinks.mjpeg import MjpegSink
from rtstyle.sinks.null import NullSink
from rtstyle.sinks.recording import RecordingSink
from rtstyle.sinks.snapshot import SnapshotSink
from rtstyle.sinks.video import MUXERS, VideoSink


def decoded(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


SINKS: dict[str, Callable[[Path], Sink]] = {
    "memory": lambda folder: MemorySink(),
    "null": lambda folder: NullSink(),
    "video": lambda folder: VideoSink(folder / "out.mp4"),
    "recording": lambda folder: RecordingSink(folder, lambda: True),
    "stills": lambda folder: SnapshotSink(folder, lambda: True),
    "http": lambda folder: MjpegSink(0),
    "stream": lambda folder: BroadcastSink("udp://127.0.0.1:9"),
}


@pytest.mark.parametrize("name", SINKS)
def test_a_sink_takes_frames_and_does_not_touch_them(name: str, tmp_path: Path) -> None:
    sent = list(frames(4))
    before = [frame.data.copy() for frame in sent]
    with SINKS[name](tmp_path) as sink:
        sink.open(INFO)
        for frame in sent:
            sink.write(frame)
    assert sink.name
    assert sink.main_thread is False
    for frame, original in zip(sent, before, strict=True):
        assert np.array_equal(frame.data, original)


@pytest.mark.parametrize("name", SINKS)
def test_a_sink_can_be_left_unopened_or_without_frames(name: str, tmp_path: Path) -> None:
    with SINKS[name](tmp_path):
        pass
    with SINKS[name](tmp_path) as sink:
        sink.open(INFO)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["video", "recording"])
def test_an_interrupted_film_has_not_its_final_name(name: str, tmp_path: Path) -> None:
    sink = SINKS[name](tmp_path)
    sink.__enter__()
    send(sink, 4)
    sink.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert all(".partial." in path.name for path in tmp_path.iterdir())


def test_what_libav_refuses_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MUXERS, "mp4", "webm")
    with VideoSink(tmp_path / "out.mp4") as sink, pytest.raises(SinkError, match=r"cannot write .*out\.mp4: 'webm' format"):
        send(sink, 1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("extension", ["webm", "gif", "mkv", "mov"])
def test_a_recording_goes_into_any_container(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"my.{extension}"
    with RecordingSink(tmp_path, lambda: True, first=path) as sink:
        send(sink, 4)
    assert sink.saved == [path]
    assert len(decoded(path)) == 4


@pytest.mark.parametrize("name", ["my.txt", "my_%05d.png"])
def test_a_recording_is_one_film(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"use \.mp4.*\.gif$"):
        RecordingSink(tmp_path, lambda: True, first=tmp_path / name)


def test_recordings_start_and_stop_and_keep_the_times_of_capture(tmp_path: Path) -> None:
    wanted = False
    said: list[str] = []
    with RecordingSink(tmp_path, lambda: wanted, say=said.append) as sink:
        sink.open(INFO)
        for frame in frames(30, step=9000):
            wanted = 5 <= frame.index < 15 or frame.index >= 20
            sink.write(frame)
            assert (sink.seconds is not None) == wanted
    assert len(sink.saved) == 2 == len(said)
    assert decoded(sink.saved[0]) == [Fraction(index, 10) for index in range(10)]
    assert len(set(sink.saved)) == 2


def test_a_recording_that_was_asked_for_goes_where_it_was_asked(tmp_path: Path) -> None:
    with RecordingSink(tmp_path, lambda: True, first=tmp_path / "my.mp4") as sink:
        sink.open(INFO)
        for frame in frames(3):
            sink.write(frame)
    assert sink.saved == [tmp_path / "my.mp4"]
    with pytest.raises(UsageError, match="exists already"):
        RecordingSink(tmp_path, lambda: True, first=tmp_path / "my.mp4")


def test_a_recording_by_key_that_fails_ends_alone(tmp_path: Path) -> None:
    said: list[str] = []
    failed = threading.Event()
    with RecordingSink(tmp_path / "gone", lambda: not failed.is_set(), say=said.append, failed=failed.set) as sink:
        sink.open(INFO)
        for frame in frames(3):
            sink.write(frame)
    assert failed.is_set()
    assert len(said) == 1
    assert "recording failed" in said[0]


def test_a_recording_by_key_that_cannot_be_finished_ends_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finish = VideoSink._finish

    def fail(sink: VideoSink, *, whole: bool) -> None:
        finish(sink, whole=whole)
        raise SinkError("cannot finish it: the disk is full")

    wanted, said, failed = True, list[str](), threading.Event()
    with RecordingSink(tmp_path, lambda: wanted, say=said.append, failed=failed.set) as sink:
        sink.open(INFO)
        for frame in frames(30):
            wanted = frame.index not in (10, 20)
            monkeypatch.setattr(VideoSink, "_finish", fail if frame.index == 10 else finish)
            sink.write(frame)
    assert failed.is_set()
    assert said[0] == "recording failed: cannot finish it: the disk is full"
    assert len(sink.saved) == 2, "those that began later"


def test_a_run_goes_on_for_the_recording_that_was_asked_for_alone(tmp_path: Path) -> None:
    wanted = True
    with RecordingSink(tmp_path, lambda: wanted, first=tmp_path / "my.mp4") as sink:
        sink.open(INFO)
        for frame in frames(9):
            wanted = not 3 <= frame.index < 6
            assert sink.on_request == (frame.index > 3)
            sink.write(frame)
    assert RecordingSink(tmp_path, lambda: True).on_request


def test_a_still_is_exactly_the_frame(tmp_path: Path) -> None:
    with SnapshotSink(tmp_path, lambda: True) as sink:
        sink.open(INFO)
        frame = next(frames(1))
        sink.write(frame)
    with Image.open(sink.saved[0]) as saved:
        assert np.array_equal(np.asarray(saved), frame.data)
