"""SRT in and out, through an ffmpeg that speaks it where PyAV does not."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from clips import read_film, small_stylizer, write_clip
from film_runs import StopAfter
from stream_parts import Sender, free_port

from rtstyle.errors import MissingDependencyError, SinkError, SourceError
from rtstyle.sources import srt
from rtstyle.sources.reading import ReadOptions
from rtstyle.sources.relay import RelaySource
from rtstyle.sources.video import VideoSource
from rtstyle.video.film import FilmOptions, paint_film

try:
    srt.find_ffmpeg()
    absent = False
except MissingDependencyError:
    absent = True
needs_srt = pytest.mark.skipif(absent, reason="no ffmpeg with SRT: pip install imageio-ffmpeg")

LISTEN = """
import sys
from rtstyle.sources.reading import ReadOptions
from rtstyle.sources.video import VideoSource
with VideoSource(sys.argv[1] + "?mode=listener", ReadOptions(timeout=20)) as film:
    print(sum(1 for _ in film), [stream.type for stream in film._container.streams])
"""


def carriers(port: int) -> str:
    """The processes that have this port in their command line, our own listing left out."""
    return subprocess.run(["pgrep", "-af", f"ffmpeg.*127.0.0.1:{port}"], capture_output=True, text=True).stdout


@needs_srt
def test_a_film_goes_out_and_comes_in(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 50, audio=["aac"])
    port = free_port()
    address = f"srt://127.0.0.1:{port}"
    root = Path(__file__).parent.parent
    listener = subprocess.Popen([sys.executable, "-c", LISTEN, address], stdout=subprocess.PIPE, text=True, cwd=root)
    try:
        while not carriers(port) and listener.poll() is None:
            time.sleep(0.1)
        time.sleep(0.5)
        report = paint_film(str(source), address, small_stylizer())
        said, _ = listener.communicate(timeout=30)
    finally:
        listener.kill()
    assert report.frames == 50
    assert said.strip() == "50 ['video', 'audio']"
    assert not carriers(port)


@needs_srt
def test_a_live_stream_is_relayed_into_a_file(tmp_path: Path) -> None:
    port = free_port()
    address = f"srt://127.0.0.1:{port}"
    outgoing = srt.open_writer(f"{address}?mode=listener", timeout=20)
    sender = Sender(outgoing)
    sender.start()
    listener = StopAfter(40)
    options = FilmOptions(read=ReadOptions(timeout=10))
    report = paint_film(address, tmp_path / "out.mkv", small_stylizer(), options, stop=listener.event, listener=listener)
    sender.over.set()
    sender.join(10)
    outgoing.close()
    assert report.interrupted
    film = read_film(tmp_path / "out.partial.mkv")
    assert len(film.times) >= 40
    assert set(film.kinds.values()) == {"h264", "mp2"}
    assert not carriers(port)


@needs_srt
def test_nobody_there_is_one_clear_line_and_no_process(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 3)
    port = free_port()
    begun = time.monotonic()
    with pytest.raises(SourceError, match=r"cannot open srt://.*nobody answers"):
        VideoSource(f"srt://127.0.0.1:{port}", ReadOptions(timeout=1)).__enter__()
    with pytest.raises(SinkError, match=r"cannot send to srt://.*nobody answers"):
        paint_film(str(source), f"srt://127.0.0.1:{port}?connect_timeout=1000", small_stylizer())
    assert time.monotonic() - begun < 40
    assert not carriers(port)


@needs_srt
def test_a_stop_while_nobody_calls_ends_at_once() -> None:
    port = free_port()
    stop = threading.Event()
    threading.Timer(2, stop.set).start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        RelaySource(f"srt://127.0.0.1:{port}?mode=listener", ReadOptions(timeout=40), stop=stop).__enter__()
    assert time.monotonic() - begun < 30
    assert not carriers(port)


def test_without_an_ffmpeg_the_command_to_install_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if srt.is_native():
        pytest.skip("this PyAV speaks SRT itself")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    srt.find_ffmpeg.cache_clear()
    source = write_clip(tmp_path / "in.mp4", 3)
    try:
        for film, output in (("srt://127.0.0.1:9", str(tmp_path / "out.mp4")), (str(source), "srt://127.0.0.1:9")):
            with pytest.raises(MissingDependencyError, match=r"pip install 'rtstyle\[srt\]'"):
                paint_film(film, output, small_stylizer())
    finally:
        srt.find_ffmpeg.cache_clear()
    assert [it.name for it in tmp_path.iterdir()] == ["in.mp4"]
