"""What every sink promises, tried on each of them; and the live outputs as their users see them."""

from __future__ import annotations

import http.client
import io
import socket
import sys
import threading
import types
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from live_parts import picture
from PIL import Image

from rtstyle.errors import MissingDependencyError, SinkError, UsageError
from rtstyle.frame import Frame, StreamInfo
from rtstyle.sinks.base import Sink
from rtstyle.sinks.broadcast import BroadcastSink
from rtstyle.sinks.memory import MemorySink
from rtstyle.sinks.mjpeg import MjpegSink
from rtstyle.sinks.null import NullSink
from rtstyle.sinks.recording import RecordingSink
from rtstyle.sinks.snapshot import SnapshotSink
from rtstyle.sinks.video import MUXERS, VideoSink
from rtstyle.sinks.virtualcam import VirtualCameraSink
from rtstyle.sinks.window import av_came_first, key_name, why_no_display

INFO = StreamInfo(size=(48, 64), time_base=Fraction(1, 90000), rate=Fraction(30), live=True, name="test")


def frames(count: int, *, step: int = 3000) -> Iterator[Frame]:
    for index in range(count):
        at = index * step
        yield Frame(data=picture(20 * index % 250), pts=at, time_base=INFO.time_base, index=index, captured_at=at / 90000)


def send(sink: Sink, count: int) -> None:
    sink.open(INFO)
    for frame in frames(count):
        sink.write(frame)


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


def test_a_still_is_exactly_the_frame(tmp_path: Path) -> None:
    with SnapshotSink(tmp_path, lambda: True) as sink:
        sink.open(INFO)
        frame = next(frames(1))
        sink.write(frame)
    with Image.open(sink.saved[0]) as saved:
        assert np.array_equal(np.asarray(saved), frame.data)


@pytest.fixture
def server() -> Iterator[MjpegSink]:
    with MjpegSink(0, max_clients=2) as sink:
        sink.open(INFO)
        ended = threading.Event()

        def feed() -> None:
            while not ended.wait(0.01):
                sink.write(next(frames(1)))

        thread = threading.Thread(target=feed, daemon=True)
        thread.start()
        yield sink
        ended.set()
        thread.join(5)


def get(sink: MjpegSink, path: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", sink.port, timeout=10)
    connection.request("GET", path)
    return connection.getresponse()


def test_an_http_client_reads_the_stream(server: MjpegSink) -> None:
    answer = get(server, "/stream.mjpg")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("multipart/x-mixed-replace")
    for _ in range(3):
        assert answer.readline().startswith(b"--rtstyle")
        answer.readline()
        length = int(answer.readline().split(b":")[1])
        answer.readline()
        with Image.open(io.BytesIO(answer.read(length))) as shown:
            assert shown.size == (64, 48)
        answer.readline()
    answer.close()
    assert get(server, "/still.jpg").read(2) == b"\xff\xd8"
    assert b"/stream.mjpg" in get(server, "/").read()
    assert get(server, "/elsewhere").status == 404


def test_viewers_are_bounded(server: MjpegSink) -> None:
    watching = [get(server, "/stream.mjpg") for _ in range(2)]
    assert [answer.status for answer in watching] == [200, 200]
    assert get(server, "/stream.mjpg").status == 503


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with MjpegSink(taken.getsockname()[1]) as sink, pytest.raises(SinkError, match="cannot serve on 127"):
            sink.open(INFO)


def test_a_stream_arrives_over_udp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        with BroadcastSink(f"udp://127.0.0.1:{receiver.getsockname()[1]}?pkt_size=1316") as sink:
            sink.open(INFO)
            for frame in frames(10):
                sink.write(frame)
        packet = receiver.recv(4096)
    assert packet[0] == 0x47, "the sync byte of an MPEG transport stream"


def test_a_stream_that_nobody_takes_is_one_line() -> None:
    with (
        pytest.raises(SinkError, match=r"cannot send to tcp://127.0.0.1:9: nobody answers"),
        BroadcastSink("tcp://127.0.0.1:9") as sink,
    ):
        send(sink, 5)
    for address in ("ftp://example.com/x", "film.mp4"):
        with pytest.raises(UsageError, match="rtmp://"):
            BroadcastSink(address)


class StandIn:
    """pyvirtualcam's Camera by its documented interface: no driver is needed for these tests."""

    made: dict[str, Any]

    def __init__(self, width: int, height: int, fps: float, *, fmt: object, device: str | None = None) -> None:
        StandIn.made = {"width": width, "height": height, "fps": fps, "fmt": fmt}
        if device == "/dev/none":
            raise RuntimeError("'v4l2loopback' backend: no device")
        self.device = device or "/dev/video10"
        self.sent: list[Any] = []
        StandIn.last = self

    last: StandIn

    def send(self, data: Any) -> None:
        assert data.shape == (48, 64, 3)
        self.sent.append(data)

    def close(self) -> None:
        self.sent.append("closed")


@pytest.fixture
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("pyvirtualcam")
    module.Camera = StandIn  # type: ignore[attr-defined]
    module.PixelFormat = types.SimpleNamespace(RGB="rgb")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyvirtualcam", module)


@pytest.mark.usefixtures("_stand_in")
def test_the_virtual_camera_gets_every_frame_against_a_stand_in() -> None:
    with VirtualCameraSink() as sink:
        sink.open(INFO)
        assert sink.device == "/dev/video10"
        for frame in frames(3):
            sink.write(frame)
    assert StandIn.made == {"width": 64, "height": 48, "fps": 30.0, "fmt": "rgb"}
    assert len(StandIn.last.sent) == 4
    assert StandIn.last.sent[-1] == "closed"


@pytest.mark.usefixtures("_stand_in")
@pytest.mark.parametrize(("platform", "command"), [("linux", "modprobe v4l2loopback"), ("darwin", "brew"), ("win32", "winget")])
def test_a_missing_driver_is_named_with_its_command(platform: str, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rtstyle.sinks.virtualcam.sys.platform", platform)
    with VirtualCameraSink("/dev/none") as sink, pytest.raises(SinkError, match=command):
        sink.open(INFO)


def test_a_missing_pyvirtualcam_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(MissingDependencyError, match=r"rtstyle\[virtualcam\]"):
        VirtualCameraSink()


def test_no_display_is_known_beforehand() -> None:
    assert "there is no display" in (why_no_display({}, "linux") or "")
    assert "does not answer" in (why_no_display({"DISPLAY": ":4711"}, "linux") or "")
    assert "does not answer" in (why_no_display({"DISPLAY": "nonsense"}, "linux") or "")
    assert why_no_display({}, "win32") is None
    assert why_no_display({"WAYLAND_DISPLAY": "wayland-0"}, "linux") is None


@pytest.mark.parametrize(
    ("code", "name"),
    [(0xFF53, "right"), (0x250000, "left"), (63232, "up"), (27, "escape"), (32, "space"), (ord("B"), "b"), (0xFFE1, "")],
)
def test_keys_have_names_on_every_system(code: int, name: str) -> None:
    assert key_name(code) == name


def test_pyav_in_front_of_opencv_is_noticed() -> None:
    assert av_came_first(["sys", "av", "cv2"])
    assert not av_came_first(["sys", "cv2", "av"])
    assert not av_came_first(["cv2"])
