"""Live relays: a stream in, its painting out, with sound, over interruptions."""

from __future__ import annotations

import threading
import time
from fractions import Fraction
from pathlib import Path

import pytest
from clips import Film, read_film, small_stylizer
from film_runs import StopAfter
from stream_parts import Receiver, RtspServer, Sender, free_port

from rtstyle.errors import SinkError
from rtstyle.sources.reading import ReadOptions
from rtstyle.sources.relay import RelaySource
from rtstyle.video.film import FilmOptions, FilmReport, paint_film


def relay(source: str, output: str, frames: int, *, timeout: float = 10) -> FilmReport:
    """Run until ``frames`` were sent."""
    listener = StopAfter(frames)
    options = FilmOptions(read=ReadOptions(timeout=timeout))
    return paint_film(source, output, small_stylizer(), options, stop=listener.event, listener=listener)


def assert_in_step(film: Film) -> None:
    """Picture and sound are there, in order, and begin together."""
    assert len(film.times) >= 20
    assert film.times == sorted(film.times)
    sound = next(track for index, track in film.packets.items() if film.kinds[index] != "h264")
    assert len(sound) >= 20
    assert abs(float(sound[0][0] - film.times[0])) < 1.5


def test_udp_to_udp(tmp_path: Path) -> None:
    incoming, outgoing = (f"udp://127.0.0.1:{free_port()}" for _ in range(2))
    sender = Sender(incoming)
    sender.start()
    receiver = Receiver(outgoing, tmp_path / "received.ts")
    receiver.start()
    report = relay(incoming, outgoing, 60)
    sender.over.set()
    receiver.join(15)
    assert report.frames >= 60
    assert str(report.output) == outgoing
    film = read_film(tmp_path / "received.ts")
    assert set(film.kinds.values()) == {"h264", "mp2"}
    assert_in_step(film)


def test_rtsp_camera_to_rtmp_server(tmp_path: Path) -> None:
    outgoing = f"rtmp://127.0.0.1:{free_port()}/live/key"
    receiver = Receiver(outgoing, tmp_path / "received.ts", {"listen": "1"})
    receiver.start()
    time.sleep(0.5)
    with RtspServer() as camera:
        report = relay(camera.url, outgoing, 60)
    receiver.join(15)
    assert report.frames >= 60
    film = read_film(tmp_path / "received.ts")
    assert set(film.kinds.values()) >= {"h264"}
    assert_in_step(film)


def test_a_camera_that_comes_back_goes_on(tmp_path: Path) -> None:
    outgoing = f"udp://127.0.0.1:{free_port()}"
    receiver = Receiver(outgoing, tmp_path / "received.ts", silence=8)
    receiver.start()
    with RtspServer() as camera:
        threading.Timer(4, camera.drop).start()
        report = relay(camera.url, outgoing, 150, timeout=3)
        assert camera.clients >= 2
    receiver.join(20)
    assert report.frames >= 150
    assert any("came back" in notice for notice in report.notices)
    film = read_film(tmp_path / "received.ts")
    gaps = [float(after - before) for before, after in zip(film.times, film.times[1:], strict=False)]
    assert min(gaps) > 0
    assert 0.5 < max(gaps) < 10, "the time that the camera was away stays away"


def test_a_stream_that_stays_away_ends_and_says_so() -> None:
    address = f"udp://127.0.0.1:{free_port()}"
    sender = Sender(address)
    sender.start()
    threading.Timer(2, sender.over.set).start()
    with RelaySource(address, ReadOptions(timeout=1), patience=1.5) as source:
        count = sum(1 for _ in source)
    assert count > 10
    assert "lost" in source.damage.truncated


def test_a_cut_of_a_stream_counts_from_its_first_frame_and_ends_it() -> None:
    address = f"udp://127.0.0.1:{free_port()}"
    sender = Sender(address)
    sender.start()
    with RelaySource(address, ReadOptions(timeout=5, start=Fraction(2, 5), end=Fraction(1))) as source:
        times = [frame.pts_seconds - source.origin for frame in source]
        sounds = [packet.pts * packet.time_base - source.origin for packet in source.tracks.packets(None)]
    sender.over.set()
    assert times == [Fraction(i, 25) for i in range(15)]
    assert 0 <= sounds[0] < 0.05
    assert sounds[-1] < 0.6
    assert source.reconnects == 0


def test_a_stream_that_comes_back_in_another_size_keeps_the_first() -> None:
    address = f"udp://127.0.0.1:{free_port()}"
    first, second = Sender(address), Sender(address, size=(96, 128))
    first.start()
    threading.Timer(2, first.over.set).start()
    threading.Timer(5, second.start).start()
    with RelaySource(address, ReadOptions(timeout=1), patience=15) as source:
        frames = iter(source)
        sizes = {next(frames).size}
        while not source.reconnects:
            sizes.add(next(frames).size)
        sizes |= {next(frames).size for _ in range(5)}
    second.over.set()
    assert sizes == {(48, 64)}


def test_a_receiver_that_goes_away_is_one_clear_line(tmp_path: Path) -> None:
    incoming, outgoing = f"udp://127.0.0.1:{free_port()}", f"rtmp://127.0.0.1:{free_port()}/live/key"
    sender = Sender(incoming)
    sender.start()

    def listen_shortly() -> None:
        import av

        with av.open(outgoing, options={"listen": "1"}, timeout=(20, 5)) as film:
            for count, _ in enumerate(film.demux()):
                if count > 30:
                    return

    threading.Thread(target=listen_shortly, daemon=True).start()
    time.sleep(0.5)
    with pytest.raises(SinkError, match="rtmp://"):
        relay(incoming, outgoing, 1000)
    sender.over.set()
