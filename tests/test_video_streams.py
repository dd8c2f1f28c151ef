"""Streams: addresses in, addresses out, on the loopback."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import pytest
from clips import numbered, read_film, small_stylizer, write_clip

from rtstyle.errors import SinkError, SourceError, UsageError
from rtstyle.frame import StreamInfo
from rtstyle.sources.opening import is_live, is_url
from rtstyle.sources.video import ReadOptions, VideoSource
from rtstyle.video.film import FilmOptions, paint_film


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        return None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Address of a web server over the test's folder."""
    it = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=it.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{it.server_port}"
    it.shutdown()
    it.server_close()


class Sender(threading.Thread):
    """Sends a film with sound as MPEG-TS in real time until it is told to stop."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        self.address = address
        self.over = threading.Event()

    def run(self) -> None:
        with av.open(self.address, "w", format="mpegts", container_options={"flush_packets": "1"}) as output:
            video = output.add_stream("libx264", rate=25, options={"tune": "zerolatency", "g": "10", "preset": "ultrafast"})
            video.width, video.height = 64, 48
            sound = output.add_stream("mp2", rate=48000)
            sound.codec_context.layout = "mono"
            begun, written = time.monotonic(), 0
            for index in range(2000):
                frame = av.VideoFrame.from_ndarray(numbered(index), format="rgb24")
                frame.pts, frame.time_base = index, Fraction(1, 25)
                output.mux(video.encode(frame))
                while written < (index + 1) * 1920:
                    silence = av.AudioFrame(format="s16", layout="mono", samples=1152)
                    for plane in silence.planes:
                        plane.update(bytes(plane.buffer_size))
                    silence.sample_rate, silence.pts, silence.time_base = 48000, written, Fraction(1, 48000)
                    output.mux(sound.encode(silence))
                    written += 1152
                if self.over.wait(max(0.0, begun + index / 25 - time.monotonic())):
                    return


class StopAfter:
    """Ends a run once so many frames are out."""

    def __init__(self, frames: int) -> None:
        self.event = threading.Event()
        self._frames = frames

    def begin(self, info: StreamInfo) -> None:
        return None

    def step(self, frames: int, info: StreamInfo) -> None:
        if frames >= self._frames:
            self.event.set()


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


def test_a_relay_passes_picture_and_sound_on(tmp_path: Path) -> None:
    incoming, outgoing = (f"udp://127.0.0.1:{free_port()}" for _ in range(2))
    sender = Sender(incoming)
    sender.start()
    received = tmp_path / "received.ts"
    listener = StopAfter(60)

    def receive() -> None:
        with av.open(outgoing, timeout=(20, 3)) as film, received.open("wb"), av.open(str(received), "w") as output:
            copies = {it.index: output.add_stream_from_template(it, opaque=True) for it in film.streams}
            try:
                for packet in film.demux():
                    if packet.size and packet.dts is not None:
                        packet.stream = copies[packet.stream.index]
                        output.mux(packet)
            except av.FFmpegError:
                return

    receiver = threading.Thread(target=receive, daemon=True)
    receiver.start()
    report = paint_film(
        incoming, outgoing, small_stylizer(), FilmOptions(read=ReadOptions(timeout=10)), stop=listener.event, listener=listener
    )
    sender.over.set()
    receiver.join(15)
    assert report.frames >= 60
    film = read_film(received)
    assert set(film.kinds.values()) == {"h264", "mp2"}
    assert len(film.times) >= 20
    assert film.times == sorted(film.times)
    sound = film.track("mp2")
    assert len(sound) >= 20
    assert abs(float(sound[0][0] - film.times[0])) < 1.5


def test_outputs_that_cannot_be(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 3)
    for output, words in (
        ("gopher://host/x", "legal: rtmp"),
        ("srt://127.0.0.1:9", "srt"),
        (f"{tmp_path}/no/a.m3u8", "does not exist"),
    ):
        with pytest.raises(UsageError, match=words):
            paint_film(str(source), output, small_stylizer())
    with pytest.raises(UsageError, match="h264"):
        paint_film(str(source), "udp://127.0.0.1:9", small_stylizer(), FilmOptions(write=_vp9()))
    with pytest.raises(SinkError, match="cannot send"):
        paint_film(str(source), "rtmp://127.0.0.1:1/live", small_stylizer())


def _vp9() -> Any:
    from rtstyle.sinks.encoders import VideoOptions

    return VideoOptions(codec="vp9")
