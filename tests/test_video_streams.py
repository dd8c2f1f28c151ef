"""Streams: addresses in, addresses out, on the loopback."""

from __future__ import annotations

import http.server
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import av
import numpy as np
import pytest
from clips import read_film, small_stylizer, write_clip
from stream_parts import free_port

from rtstyle.errors import SinkError, SourceError, UsageError
from rtstyle.sinks.broadcast import BroadcastSink
from rtstyle.sources.opening import is_live, is_url
from rtstyle.sources.reading import ReadOptions
from rtstyle.sources.video import VideoSource
from rtstyle.video.film import FilmOptions, paint_film


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        return None


class Flaky(Quiet):
    """Gives half of what it is asked for and hangs up, the first time; knows ranges."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        data = Path(self.translate_path(self.path)).read_bytes()
        wanted = self.headers.get("Range", "bytes=0-")
        start = int(wanted.removeprefix("bytes=").split("-")[0])
        Flaky.asked.append(wanted)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start:] if len(Flaky.asked) > 1 else data[start : len(data) // 2])
        self.close_connection = True


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Address of a web server over the test's folder."""
    it = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=it.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{it.server_port}"
    it.shutdown()
    it.server_close()


def test_what_is_an_address() -> None:
    assert is_url("rtsp://camera/live")
    assert not is_url("C:\\clip.mp4")
    assert not is_url("/films/a:b.mp4")
    assert is_live("udp://127.0.0.1:5000")
    assert not is_live("http://host/clip.mp4")


def test_a_film_over_http(tmp_path: Path, server: str) -> None:
    source = write_clip(tmp_path / "in.mp4", audio=["aac"])
    paint_film(f"{server}/in.mp4", tmp_path / "out.mp4", small_stylizer())
    before, after = read_film(source), read_film(tmp_path / "out.mp4")
    assert after.times == before.times
    assert after.track("aac") == before.track("aac")


def test_a_film_over_http_goes_on_where_the_connection_broke(tmp_path: Path) -> None:
    noise = [np.random.default_rng(i).integers(0, 256, (96, 128, 3), dtype=np.uint8) for i in range(30)]
    source = write_clip(tmp_path / "in.mkv", noise)
    Flaky.asked.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Flaky, directory=str(tmp_path))) as it:
        threading.Thread(target=it.serve_forever, daemon=True).start()
        report = paint_film(f"http://127.0.0.1:{it.server_port}/in.mkv", tmp_path / "out.mp4", small_stylizer())
        it.shutdown()
    assert len(Flaky.asked) > 1
    assert report.complete
    assert read_film(tmp_path / "out.mp4").times == read_film(source).times


def test_an_absent_film_over_http_is_one_clear_line(server: str) -> None:
    with pytest.raises(SourceError, match="cannot open"), VideoSource(f"{server}/absent.mp4"):
        pass


def test_a_silent_address_times_out() -> None:
    begun = time.monotonic()
    with (
        pytest.raises(SourceError),
        VideoSource(f"udp://127.0.0.1:{free_port()}", ReadOptions(timeout=0.5)),
    ):
        pass
    assert time.monotonic() - begun < 10


def test_a_playlist_for_browsers(tmp_path: Path, server: str) -> None:
    source = write_clip(tmp_path / "in.mp4", 60, audio=["aac"])
    (tmp_path / "hls").mkdir()
    paint_film(str(source), f"{tmp_path}/hls/live.m3u8", small_stylizer())
    assert len(list((tmp_path / "hls").glob("*.ts"))) >= 1
    with VideoSource(f"{server}/hls/live.m3u8") as film:
        assert sum(1 for _ in film) == 60
    with av.open(f"{tmp_path}/hls/live.m3u8") as film:
        assert len(film.streams.audio) == 1


def test_outputs_that_cannot_be(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 3)
    for output, words in (
        ("gopher://host/x", "legal: rtmp"),
        (f"{tmp_path}/no/a.m3u8", "does not exist"),
    ):
        with pytest.raises(UsageError, match=words):
            paint_film(str(source), output, small_stylizer())
    with pytest.raises(UsageError, match="h264"):
        paint_film(str(source), "udp://127.0.0.1:9", small_stylizer(), FilmOptions(write=_vp9()))
    with pytest.raises(SinkError, match=r"cannot send to rtmp://127.0.0.1:1/live: nobody answers there"):
        paint_film(str(source), "rtmp://127.0.0.1:1/live", small_stylizer())


def test_a_server_that_does_not_answer_holds_nothing_up(tmp_path: Path) -> None:
    """PyAV itself would hold the interpreter's lock meanwhile: nothing else of the program could run."""
    source = write_clip(tmp_path / "in.mp4", 3)
    ticks: list[float] = []
    over = threading.Event()

    def tick() -> None:
        while not over.wait(0.05):
            ticks.append(time.monotonic())

    with socket.create_server(("127.0.0.1", 0)) as silent:
        clock = threading.Thread(target=tick)
        clock.start()
        sink = BroadcastSink(f"rtmp://127.0.0.1:{silent.getsockname()[1]}/live/key", timeout=0.5)
        try:
            with VideoSource(source) as film, pytest.raises(SinkError, match="cannot send"), sink:
                _send_all(film, sink)
        finally:
            over.set()
            clock.join()
    assert len(ticks) > 10
    assert max(b - a for a, b in itertools.pairwise(ticks)) < 2


def _send_all(film: VideoSource, sink: BroadcastSink) -> None:
    sink.open(film.info)
    for frame in film:
        sink.write(frame)


def _vp9() -> Any:
    from rtstyle.sinks.encoders import VideoOptions

    return VideoOptions(codec="vp9")
