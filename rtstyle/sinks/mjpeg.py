"""The painting over HTTP as motion JPEG: any browser shows it, and OBS, VLC and home automation read it."""

from __future__ import annotations

import io
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from PIL import Image

from rtstyle.errors import SinkError
from rtstyle.frame import Frame, StreamInfo

logger = logging.getLogger(__name__)

QUALITY = 85
MAX_CLIENTS = 8
CLIENT_SECONDS = 10.0
"""A client that takes nothing for this long is let go."""
BOUNDARY = b"rtstyle"
PAGE = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>rtstyle</title>
<style>html,body{margin:0;height:100%;background:#0e1014}img{width:100%;height:100%;object-fit:contain}</style>
<img src="/stream.mjpg" alt="live painting"></html>"""


class MjpegSink:
    """Serves ``/stream.mjpg``, ``/still.jpg`` and a page with the stream; loopback only unless ``host`` says otherwise.

    Frames are encoded only while somebody watches; each client gets the newest frame it has time for.
    Opening raises :class:`SinkError` where the port is taken.
    """

    name = "http"
    main_thread = False

    def __init__(
        self, port: int, *, host: str = "127.0.0.1", say: Callable[[str], None] = logger.info, max_clients: int = MAX_CLIENTS
    ) -> None:
        """``port`` 0 takes any free one; ``say`` is told the address."""
        self._host = host
        self._wanted_port = port
        self._say = say
        self._board = _Board(max_clients)
        self._server: _Server | None = None

    @property
    def _written_host(self) -> str:
        """As it stands in an address."""
        return f"[{self._host}]" if ":" in self._host else self._host

    @property
    def port(self) -> int:
        """The port that is listened on; 0 before it is open."""
        return self._server.server_address[1] if self._server else 0

    @property
    def clients(self) -> int:
        """How many watch at the moment."""
        return self._board.clients

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._board.close()
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def open(self, info: StreamInfo) -> None:
        try:
            self._server = _Server((self._host, self._wanted_port), self._board)
        except OSError as error:
            where = f"{self._written_host}:{self._wanted_port}"
            raise SinkError(f"cannot serve on {where}: {error.strerror}; choose another --http port or --http-host") from error
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="http", daemon=True).start()
        self._say(f"watch at http://{self._written_host}:{self.port}/")

    def write(self, frame: Frame) -> None:
        if self._board.watched:
            encoded = io.BytesIO()
            Image.fromarray(frame.data).save(encoded, format="JPEG", quality=QUALITY)
            self._board.show(encoded.getvalue())


class _Board:
    """The newest JPEG, and who is waiting for it."""

    def __init__(self, max_clients: int) -> None:
        self._changed = threading.Condition()
        self._jpeg = b""
        self._number = 0
        self._closed = False
        self._max_clients = max_clients
        self.clients = 0

    @property
    def watched(self) -> bool:
        return self.clients > 0

    def enter(self) -> bool:
        """Count a client in; False where there are too many."""
        with self._changed:
            if self.clients >= self._max_clients or self._closed:
                return False
            self.clients += 1
            return True

    def leave(self) -> None:
        with self._changed:
            self.clients -= 1

    def show(self, jpeg: bytes) -> None:
        with self._changed:
            self._jpeg = jpeg
            self._number += 1
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def next(self, seen: int) -> tuple[int, bytes] | None:
        """The first picture after number ``seen``, waited for; None when the sink has closed or nothing comes."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._number > seen or self._closed, CLIENT_SECONDS) or self._closed:
                return None
            return self._number, self._jpeg

    @property
    def number(self) -> int:
        return self._number


class _Server(ThreadingHTTPServer):
    allow_reuse_address = os.name != "nt"  # there it would share a port that is taken, instead of an address just left
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], board: _Board) -> None:
        self.board = board
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, OSError):  # whoever hangs up in the middle of a request is no news
            logger.debug("%s: %s", client_address, error)
            return
        super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    timeout = CLIENT_SECONDS
    server_version = "rtstyle"
    sys_version = ""

    @property
    def _board(self) -> _Board:
        assert isinstance(self.server, _Server)
        return self.server.board

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/":
            self._answer("text/html; charset=utf-8", PAGE)
        elif path in ("/stream.mjpg", "/still.jpg"):
            self._watch(path)
        else:
            self.send_error(404)

    def _watch(self, path: str) -> None:
        board = self._board
        if not board.enter():
            self.send_error(503, "too many viewers")
            return
        try:
            if path == "/still.jpg":
                shown = board.next(board.number)
                if shown is None:
                    self.send_error(503, "no picture yet")
                else:
                    self._answer("image/jpeg", shown[1])
            else:
                self._stream(board)
        except OSError:
            pass  # the viewer is gone
        finally:
            board.leave()

    def _stream(self, board: _Board) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        seen = board.number
        while (shown := board.next(seen)) is not None:
            seen, jpeg = shown
            head = b"--%s\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % (BOUNDARY, len(jpeg))
            self.wfile.write(head + jpeg + b"\r\n")

    def _answer(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        logger.debug(format, *args)
