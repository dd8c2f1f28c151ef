"""Serves the page: one FastAPI app with the Gradio page, the live view's routes and a health check."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import os
import secrets
import signal
import socket
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import gradio as gr
import gradio.routes
import matplotlib as matplotlib  # Gradio would at the first event, while everybody waits
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from rtstyle import __version__
from rtstyle.errors import UsageError
from rtstyle.system.interrupt import ending_signals
from rtstyle.webui.app import build_page
from rtstyle.webui.folder import SWEEP_SECONDS
from rtstyle.webui.live import LiveRoutes
from rtstyle.webui.settings import PageConfig
from rtstyle.webui.studio import Studio
from rtstyle.webui.theme import page_css, page_head, page_theme

logger = logging.getLogger(__name__)

HEALTH = "/health"
START_SECONDS = 60.0
STOP_SECONDS = 10.0


class BasicAuth:
    """Asks every request but the health check for one user and password (RFC 7617)."""

    def __init__(self, app: ASGIApp, user: str, password: str) -> None:
        self.app = app
        self.expected = b"Basic " + base64.b64encode(f"{user}:{password}".encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"] == HEALTH:
            await self.app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"authorization", b"")
        if secrets.compare_digest(given, self.expected):
            await self.app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = [(b"www-authenticate", b'Basic realm="rtstyle", charset="UTF-8"'), (b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": b"A user and a password are needed."})


def create_app(studio: Studio) -> FastAPI:
    """The app that serves ``studio``; its lifespan sweeps the run's folder."""
    live = LiveRoutes(studio)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        sweeping = asyncio.create_task(_sweep(studio))
        try:
            yield
        finally:
            sweeping.cancel()
            await live.close()

    api = FastAPI(title="rtstyle", version=__version__, docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)

    async def health() -> dict[str, object]:
        return {"status": "ok", "version": __version__, "tier": studio.tier, "styles": len(studio.cards)}

    api.add_api_route(HEALTH, health)
    live.add_to(api)
    # Gradio reads its upload folder from the environment, when components are built and when the app is. What it makes
    # itself goes to where the environment said when it was imported, which is a folder that nobody would remove.
    uploads = str(studio.folder.uploads)
    os.environ["GRADIO_TEMP_DIR"] = uploads
    gradio.routes.DEFAULT_TEMP_DIR = uploads  # pyright: ignore[reportPrivateImportUsage]
    gr.mount_gradio_app(
        api,
        build_page(studio),
        path="/",
        theme=page_theme(),
        css=page_css(),
        head=page_head(),
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        mcp_server=False,
        enable_monitoring=False,
        max_file_size=max(studio.limits.clip_bytes, studio.limits.still_bytes),
    )
    studio.folder.keep_what_is_there()
    if studio.config.auth is not None:
        api.add_middleware(BasicAuth, user=studio.config.auth[0], password=studio.config.auth[1])
    return api


async def _sweep(studio: Studio) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        await asyncio.to_thread(studio.folder.sweep)


class PageServer:
    """The running page; ``with PageServer(config) as server: ... server.url``.

    Raises :class:`UsageError` where the address cannot be had.
    """

    def __init__(self, config: PageConfig) -> None:
        self.config = config
        self._socket = _listen(config)
        with ExitStack() as undo:
            undo.callback(self._socket.close)
            self.studio = Studio(config)
            undo.callback(self.studio.close)
            self.app = create_app(self.studio)
            undo.pop_all()
        self._server = uvicorn.Server(
            uvicorn.Config(self.app, log_level="warning", timeout_graceful_shutdown=1, ws="none", access_log=False)
        )
        # Open pages are cut off at the end; that is no error worth a traceback.
        logging.getLogger("uvicorn.error").addFilter(lambda _: not self._server.should_exit)
        self._thread = threading.Thread(target=self.run, name="page", daemon=True)

    @property
    def url(self) -> str:
        """Where the page is, for a browser on this machine."""
        host, port = self._socket.getsockname()[:2]
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, str(host))
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/"

    def run(self) -> None:
        """Serve in this thread until told to stop (Ctrl-C does)."""
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()
            self.studio.close()

    def __enter__(self) -> Self:
        self._thread.start()
        waited = 0.0
        while not self._server.started:
            threading.Event().wait(0.02)
            waited += 0.02
            if not self._thread.is_alive() or waited > START_SECONDS:
                raise UsageError("the page did not start; the log says why")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS)


def serve(config: PageConfig, ready: Callable[[PageServer], None]) -> None:
    """Serve in the main thread until Ctrl-C, SIGTERM or the terminal's end; ``ready`` is called when the page is there.

    Each ends in KeyboardInterrupt, after the run's folder has been removed. Raises :class:`UsageError` as
    :class:`PageServer` does.
    """
    previous = {number: signal.signal(number, signal.default_int_handler) for number in ending_signals()}
    try:
        server = PageServer(config)
        ready(server)
        server.run()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _listen(config: PageConfig) -> socket.socket:
    """A listening socket, before anything slow is loaded: a port that is taken is said at once."""
    try:
        family, _, _, _, address = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM)[0]
        server = socket.create_server(address[:2], family=family, backlog=128)
    except (OSError, UnicodeError) as error:  # the latter for a name that no host can have
        reason = getattr(error, "strerror", None) or str(error)
        where = f"{config.host} port {config.port}"
        raise UsageError(f"cannot serve on {where}: {reason}; try another --port, or 0 for any free one") from error
    server.setblocking(False)
    return server
