"""The outputs of a live session: what is there already is not touched, and what fails is neither hidden nor waited for."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import Any

import av
import pytest
from live_parts import LiveFrames, NoPainter, tiny_stylizer
from typer.testing import CliRunner, Result

from rtstyle.cli.app import app
from rtstyle.errors import SinkError, UsageError
from rtstyle.live.adaptive import AdaptiveHeight
from rtstyle.live.controls import Controls
from rtstyle.live.playlist import Playlist
from rtstyle.live.session import Outputs, Session
from rtstyle.pipeline import run
from rtstyle.sinks import recording
from rtstyle.sinks.recording import RecordingSink
from rtstyle.sinks.video import VideoSink
from rtstyle.stats import StatsRecorder

DEAD = "tcp://127.0.0.1:9"


def webcam(*arguments: str | int | Path) -> Result:
    return CliRunner().invoke(app, ["webcam", "--engine", "eager", *map(str, arguments)])


def session(folder: Path, **outputs: Any) -> Session:
    """One that would go on for ever, but for its length of 20 seconds."""
    stylizer, recorded = tiny_stylizer(), "record" in outputs
    controls = Controls(Playlist.parse("one", stylizer.bank.names), recording=recorded)
    wishes = Outputs(**{"window": False, "folder": folder, **outputs})
    return Session(LiveFrames(None, interval=0.02), stylizer, controls, AdaptiveHeight(None), wishes, seconds=20, announce=print)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A second of film."""
    path = tmp_path / "film.mp4"
    with RecordingSink(tmp_path, lambda: True, first=path) as sink, LiveFrames(25) as source:
        sink.open(source.info)
        for count, frame in enumerate(source):
            sink.write(frame.with_data(frame.data + count))
            time.sleep(0.02)
    return path


@pytest.mark.parametrize(("name", "option"), [("a.mp4", "--record"), ("b.m3u8", "--stream")])
def test_what_is_there_is_not_touched(name: str, option: str, film: Path, tmp_path: Path) -> None:
    there = tmp_path / name
    there.write_text("mine")
    wishes = "--source", film, "--no-window", option, there
    refused = webcam(*wishes)
    assert isinstance(refused.exception, UsageError)
    assert "exists already; --overwrite replaces" in str(refused.exception)
    assert there.read_text() == "mine"
    done = webcam(*wishes, "--overwrite")
    assert done.exit_code == 0, done.output
    assert b"mine" not in there.read_bytes()


def test_the_segments_of_a_playlist_are_not_touched_either(tmp_path: Path) -> None:
    (tmp_path / "show7.ts").write_text("mine")
    with pytest.raises(UsageError, match=r"show7\.ts exists already; --overwrite replaces the playlist"):
        Outputs(stream=str(tmp_path / "show.m3u8"), folder=tmp_path)
    Outputs(stream=str(tmp_path / "another.m3u8"), folder=tmp_path)


def test_a_film_is_not_recorded_over(film: Path) -> None:
    before = film.read_bytes()
    refused = webcam("--source", film, "--no-window", "--record", film, "--overwrite")
    assert isinstance(refused.exception, UsageError)
    assert "is the input" in str(refused.exception)
    assert film.read_bytes() == before


def test_without_a_display_a_film_is_played_once(film: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    begun = time.monotonic()
    done = webcam("--source", film, "--record", tmp_path / "out.mp4", "--seconds", "60")
    assert done.exit_code == 0, done.output
    assert time.monotonic() - begun < 60
    with av.open(str(tmp_path / "out.mp4")) as recorded:
        assert float((recorded.duration or 0) / av.time_base) < 10


def test_the_length_of_a_session_counts_from_its_first_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "_warm_up", lambda *_: time.sleep(3))
    brief = session(tmp_path, record=tmp_path / "out.mp4")
    brief.seconds = 2
    assert brief.run().stats.frames > 5


def test_a_session_ends_with_its_only_output(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="nobody answers"):
        session(tmp_path, stream=DEAD).run()


def test_a_session_ends_with_the_recording_that_was_its_only_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(*_: object) -> None:
        raise SinkError("the disk is full")

    monkeypatch.setattr(VideoSink, "write", write)
    with pytest.raises(SinkError, match="the disk is full"):
        session(tmp_path, record=tmp_path / "out.mp4").run()


def test_an_output_that_failed_is_in_the_exit_code(film: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = webcam("--source", film, "--no-window", "--http", taken.getsockname()[1], "--record", tmp_path / "out.mp4")
    assert done.exit_code == 1
    assert "frames in" in done.output, "the other output went on"
    assert (tmp_path / "out.mp4").exists()


def test_a_recording_that_takes_long_to_finish_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finish, recorder, stop, ended = VideoSink._finish, StatsRecorder(), threading.Event(), threading.Event()

    def slowly(sink: VideoSink, *, whole: bool) -> None:
        stop.set()
        time.sleep(3)
        finish(sink, whole=whole)

    monkeypatch.setattr(VideoSink, "_finish", slowly)
    monkeypatch.setattr(recording, "BUSY_SECONDS", 0.5)
    sink = RecordingSink(tmp_path, lambda: not ended.is_set())
    threading.Timer(1.0, ended.set).start()
    with LiveFrames(None, interval=0.02) as source:
        run(source, tiny_stylizer(), [sink], stop=stop, painter=NoPainter(), recorder=recorder)
    assert not recorder.is_stuck("recording")
    assert [path.exists() for path in sink.saved] == [True]
