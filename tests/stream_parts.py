"""Both ends of live streams on the loopback: senders, receivers, a small RTSP server."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import av
from clips import numbered


def free_port() -> int:
    """A port that nobody listens on, for TCP and UDP alike."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


class Sender(threading.Thread):
    """Sends a film with sound as MPEG-TS in real time until it is told to stop."""

    def __init__(self, address: Any, *, format: str = "mpegts", size: tuple[int, int] = (48, 64)) -> None:
        super().__init__(daemon=True)
        self.size = size
        self.address = address
        self.format = format
        self.over = threading.Event()

    def run(self) -> None:
        with av.open(self.address, "w", format=self.format, container_options={"flush_packets": "1"}) as output:
            video = output.add_stream("libx264", rate=25, options={"tune": "zerolatency", "g": "10", "preset": "ultrafast"})
            video.height, video.width = self.size
            sound = output.add_stream("mp2", rate=48000)
            sound.codec_context.layout = "mono"
            begun, written = time.monotonic(), 0
            for index in range(2000):
                frame = av.VideoFrame.from_ndarray(numbered(index, self.size), format="rgb24")
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


class Receiver(threading.Thread):
    """Takes what comes from an address until it ends, and writes it down as MPEG-TS."""

    def __init__(self, address: str, path: Path, options: dict[str, str] | None = None, *, silence: float = 3.0) -> None:
        super().__init__(daemon=True)
        self.address, self.path, self.options, self.silence = address, path, options or {}, silence

    def run(self) -> None:
        with (
            av.open(self.address, options=self.options, timeout=(20, self.silence)) as film,
            av.open(str(self.path), "w") as output,
        ):
            copies = {it.index: output.add_stream_from_template(it, opaque=True) for it in film.streams}
            try:
                for packet in film.demux():
                    if packet.size and packet.dts is not None:
                        packet.stream = copies[packet.stream.index]
                        output.mux(packet)
            except av.FFmpegError:
                return


class RtspServer(threading.Thread):
    """Serves one live MPEG-TS over RTSP, interleaved on the connection (RFC 2326 section 10.12), to one client at a time."""

    SDP = (
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=test\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 0 RTP/AVP 33\r\na=control:track1\r\n"
    )

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"rtsp://127.0.0.1:{self._listener.getsockname()[1]}/live"
        self.clients = 0
        self._client: socket.socket | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # closing alone would not wake the thread that waits in it
        self._listener.close()
        self.drop()
        self.join(5)

    def drop(self) -> None:
        """Cut the present client off, as a camera does that loses its power."""
        if self._client is not None:
            with contextlib.suppress(OSError):
                self._client.shutdown(socket.SHUT_RDWR)

    def run(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._client = client
            self.clients += 1
            with client, contextlib.suppress(OSError, ValueError):
                self._serve(client)

    def _serve(self, client: socket.socket) -> None:
        asked = client.makefile("r", encoding="ascii", newline="\r\n")
        while line := asked.readline():
            method = line.split(" ")[0]
            fields = dict(it.strip().split(": ", 1) for it in iter(asked.readline, "\r\n"))
            extra, body = "", ""
            if method == "DESCRIBE":
                extra, body = f"Content-Base: {self.url}/\r\nContent-Type: application/sdp\r\n", self.SDP
            elif method == "SETUP":
                extra = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"
            elif method == "OPTIONS":
                extra = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
            head = f"RTSP/1.0 200 OK\r\nCSeq: {fields['CSeq']}\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
            client.sendall((head + body).encode())
            if method == "PLAY":
                self._play(client)
                return

    def _play(self, client: socket.socket) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as packets:
            packets.bind(("127.0.0.1", 0))
            packets.settimeout(2)
            sender = Sender(f"rtp://127.0.0.1:{packets.getsockname()[1]}?pkt_size=1316", format="rtp_mpegts")
            sender.start()
            try:
                while True:
                    packet = packets.recv(2000)
                    client.sendall(b"$\x00" + len(packet).to_bytes(2, "big") + packet)
            finally:
                sender.over.set()
                sender.join(5)
