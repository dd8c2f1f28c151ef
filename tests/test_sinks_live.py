"""The live outputs as their users see them."""

from __future__ import annotations

import http.client
import io
import shutil
import socket
import struct
import sys
import threading
import time
import types
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image
from sink_parts import INFO, frames, send

from rtstyle.errors import MissingDependencyError, SinkError, UsageError
from rtstyle.sinks.broadcast import BroadcastSink
from rtstyle.sinks.mjpeg import MjpegSink
from rtstyle.sinks.virtualcam import VirtualCameraSink
from rtstyle.sinks.window import av_came_first, key_name, why_no_display


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


def test_a_host_that_is_not_here_is_named() -> None:
    with MjpegSink(0, host="192.0.2.1") as sink, pytest.raises(SinkError, match=r"cannot serve on 192.0.2.1:0: .*--http-host"):
        sink.open(INFO)


def test_an_address_of_ipv6_is_served_on_and_written_as_browsers_take_it() -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 here")
    said: list[str] = []
    with MjpegSink(0, host="::1", say=said.append) as sink:
        sink.open(INFO)
        with socket.create_connection(("::1", sink.port), timeout=10):
            pass
        assert said == [f"watch at http://[::1]:{sink.port}/"]


def test_viewers_who_hang_up_leave_no_traceback(server: MjpegSink, capsys: pytest.CaptureFixture[str]) -> None:
    for request in (b"GET / HT", b"GET / HTTP/1.1\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as viewer:
            viewer.sendall(request)
            viewer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # its end is a reset
    assert get(server, "/still.jpg").status == 200
    time.sleep(0.2)
    assert capsys.readouterr().err == ""


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


@pytest.mark.parametrize("step", [2990, 3000, 18000])  # of 30 frames/s all are painted, or five
def test_key_frames_come_every_two_seconds_however_few_frames_are_painted(step: int, tmp_path: Path) -> None:
    with BroadcastSink(f"{tmp_path}/show.m3u8") as sink:
        sink.open(INFO)
        for frame in frames(10 * 90000 // step, step=step):
            sink.write(frame)
    with av.open(f"{tmp_path}/show.m3u8") as shown:
        at = [packet.pts * float(packet.time_base) for packet in shown.demux(video=0) if packet.is_keyframe and packet.pts]
    assert len(at) >= 4
    for earlier, later in pairwise(at):
        assert 2.0 <= later - earlier < 2.0 + step / 90000 + 1e-6


def test_a_playlist_that_is_lost_before_its_end_is_said(tmp_path: Path) -> None:
    (tmp_path / "show").mkdir()
    sink = BroadcastSink(f"{tmp_path}/show/show.m3u8")
    sink.open(INFO)
    for frame in frames(10):
        sink.write(frame)
    shutil.rmtree(tmp_path / "show")
    with pytest.raises(SinkError, match=r"show\.m3u8 was not written to its end"):
        sink.__exit__(None, None, None)


def test_a_playlist_without_a_frame_is_none(tmp_path: Path) -> None:
    with BroadcastSink(f"{tmp_path}/show.m3u8") as sink:
        sink.open(INFO)
    assert not list(tmp_path.glob("*.ts"))


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


@pytest.mark.parametrize(("plugin", "why"), [("libqxcb.so", "need X11"), ("libqwayland.so", None), (None, None)])
def test_wayland_alone_is_for_an_opencv_that_knows_it(plugin: str | None, why: str | None, tmp_path: Path) -> None:
    """The wheel's Qt, which knows X11 alone, would end the process."""
    plugins = tmp_path / "platforms"
    if plugin:
        plugins.mkdir()
        (plugins / plugin).touch()
    found = why_no_display({"WAYLAND_DISPLAY": "wayland-0"}, "linux", plugins)
    assert why in (found or "") if why else found is None


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
